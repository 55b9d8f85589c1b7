"""What is decided without asking anybody: the next step, the difference, the list, the bill."""

from __future__ import annotations

import pytest

from llmanager_sdk.aws.rowless import Stray
from llmanager_sdk.deploy import floor
from llmanager_sdk.deploy.stacks import (
    STACK_TYPE,
    Await,
    Event,
    Found,
    Options,
    Propose,
    Remake,
    declared,
    failures,
    moved,
    next_step,
    operation,
    wanted,
)
from llmanager_sdk.deploy.survey import (
    Choice,
    DropTable,
    EndReaper,
    Live,
    RemoveStack,
    StopAll,
    Survey,
    Table,
    plan,
    remains,
)
from llmanager_sdk.errors import NotAllowed, StackFailed
from llmanager_sdk.testing.aws.shapes import service
from tests.deploy.stage import CORE

# -- the next step


def test_every_status_of_a_stack_has_its_step() -> None:
    seen = {}
    for status in service("cloudformation").shape_for("StackStatus").enum:
        try:
            seen[status] = type(next_step(Found("llmanager-main", status)))
        except StackFailed:
            seen[status] = StackFailed
    going = {x for x in seen if x.endswith("_IN_PROGRESS")} - {"REVIEW_IN_PROGRESS"}
    assert {x for x, step in seen.items() if step is Await} == going
    stuck = {"UPDATE_FAILED", "UPDATE_ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED"}
    assert {x for x, step in seen.items() if step is StackFailed} == stuck
    dead = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}
    assert {x for x, step in seen.items() if step is Remake} == dead
    news = {"REVIEW_IN_PROGRESS", "DELETE_COMPLETE"}
    assert {x for x in seen if next_step_is(x, "CREATE")} == news
    assert next_step(Found("llmanager-main")) == Propose("CREATE")
    assert {x for x in seen if next_step_is(x, "UPDATE")} == {
        "CREATE_COMPLETE",
        "UPDATE_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "IMPORT_COMPLETE",
        "IMPORT_ROLLBACK_COMPLETE",
    }


def next_step_is(status: str, kind: str) -> bool:
    try:
        return next_step(Found("llmanager-main", status)) == (kind,)
    except StackFailed:
        return False


@pytest.mark.parametrize(
    ("tags", "parameters", "outputs", "ours"),
    [
        ({}, {}, {}, False),
        ({"llmanager:namespace": "main"}, {}, {}, True),
        ({}, {"Namespace": "main"}, {}, True),
        ({}, {}, {"Namespace": "main"}, True),
        ({"llmanager:namespace": "other"}, {"Namespace": "other"}, {}, False),
    ],
)
def test_whose_a_stack_is(
    tags: dict[str, str], parameters: dict[str, str], outputs: dict[str, str], ours: bool
) -> None:
    found = Found("llmanager-main", "CREATE_COMPLETE", "", "id", parameters, outputs, tags)
    assert found.is_of("main") is ours


# -- what is wanted


def aim(found: Found, **how: object) -> dict[str, str]:
    options = Options(**how)  # type: ignore[arg-type]
    return dict(wanted("main", "template", CORE, "1.0.0", options, found).parameters)


def test_what_is_deployed_stays_unless_it_is_asked_for() -> None:
    fresh = aim(Found("llmanager-main"))
    assert fresh == {"Cap": "5", "Namespace": "main", "Version": "1.0.0"}
    deployed = Found(
        "llmanager-main",
        "CREATE_COMPLETE",
        parameters={"Cap": "8", "TopicArn": "arn:x", "Namespace": "main", "Old": "gone"},
    )
    assert aim(deployed)["Cap"] == "8"
    assert "Old" not in aim(deployed), "the new template does not know it any more"
    assert aim(deployed, cap=2.0, topic="")["Cap"] == "2"
    assert aim(deployed, topic="")["TopicArn"] == ""


def test_the_same_content_has_the_same_name_and_another_one_another() -> None:
    found = Found("llmanager-main")
    one = wanted("main", "template", CORE, "1.0.0", Options(), found)
    same = wanted("main", "template", CORE, "1.0.0", Options(cap=5.0), found)
    other = wanted("main", "template", CORE, "1.0.0", Options(cap=6.0), found)
    assert one.change_set("deploy") == same.change_set("deploy")
    names = {one.change_set("deploy"), one.change_set("diff"), other.change_set("deploy")}
    assert len(names) == 3


def test_what_moves_is_told_with_its_old_value() -> None:
    found = Found("llmanager-main", "CREATE_COMPLETE", parameters={"Cap": "5", "TopicArn": "arn:x"})
    one = wanted("main", "template", CORE, "1.0.0", Options(cap=8.0, topic=""), found)
    assert moved(one, found) == [
        "Cap: 5 -> 8",
        "Namespace: main",
        "TopicArn: arn:x -> (none)",
        "Version: 1.0.0",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Parameters:\n  A: {Type: String}\n  B:\n    Type: String\n\nResources:\n  D: {}\n",
        "Parameters:\n # why\n A: {Type: String}\n\n B:\n  Type: String\nResources:\n D: {}\n",
        "Resources:\n D: {}\nParameters:\n A: {Type: String}\n B: {Type: String}\n",
    ],
)
def test_parameters_are_those_of_the_first_level(text: str) -> None:
    assert declared(text) == {"A", "B"}
    assert declared("Resources: {A: {Type: X}}\n") == set()


# -- what happened


def event(logical: str, status: str, reason: str = "") -> Event:
    kind = STACK_TYPE if logical == "stack" else "AWS::IAM::Role"
    return Event(f"{logical}-{status}", logical, kind, status, reason)


def test_an_operation_ends_where_it_began() -> None:
    newest_first = [
        event("stack", "UPDATE_ROLLBACK_COMPLETE"),
        event("stack", "UPDATE_ROLLBACK_IN_PROGRESS"),
        event("B", "UPDATE_FAILED", "Resource update cancelled"),
        event("A", "UPDATE_FAILED", "no such role"),
        event("stack", "UPDATE_IN_PROGRESS"),
        event("stack", "CREATE_COMPLETE"),
        event("C", "CREATE_FAILED", "of long ago"),
    ]
    found = list(operation(newest_first))
    assert [x.status for x in found][-1] == "UPDATE_IN_PROGRESS"
    assert failures(found) == ["A (AWS::IAM::Role): no such role"]


# -- the list


REGISTRY = Table("llmanager-main-registry", "registry", "2 rows", 1 << 20, True)
HISTORY = Table("llmanager-main-history", "history", "about 5 items", 1 << 30, True)
STACK = Found("llmanager-main", "CREATE_COMPLETE", tags={"llmanager:namespace": "main"})
FULL = Survey(
    "main",
    stacks=(STACK,),
    live=(Live("tiny", 1, "ready", 1.4),),
    tables=(HISTORY, REGISTRY),
)


def test_the_order_is_resources_data_stack() -> None:
    acts = plan(FULL, Choice("stop", "delete"))
    assert [type(x) for x in acts] == [StopAll, DropTable, DropTable, RemoveStack]
    assert [x.name for x in acts if isinstance(x, DropTable)] == [HISTORY.name, REGISTRY.name]
    kept = plan(FULL, Choice("stop", "keep"))
    assert [type(x) for x in kept] == [StopAll, RemoveStack, EndReaper]


@pytest.mark.parametrize(
    ("choice", "cure"),
    [
        (Choice(), "--resources stop --data keep|delete"),
        (Choice("stop"), "--data keep|delete"),
        (Choice("", "delete"), "--resources stop"),
    ],
)
def test_what_nobody_decided_is_asked_for(choice: Choice, cure: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        plan(FULL, choice)
    assert caught.value.hint.endswith(f"llmanager destroy --stack {cure}")


def test_a_reaper_whose_stack_is_gone_is_ended_by_the_rerun() -> None:
    after = Survey("main", tables=(REGISTRY,), beating=True)
    assert plan(after, Choice(data="keep")) == (EndReaper(),)
    assert plan(Survey("main"), Choice()) == ()


def test_strangers_hold_nothing_up_and_are_told() -> None:
    stray = Stray("llm-main-x", ("endpoint",), "InService", None, {}, False)
    survey = Survey("main", strays=(stray,))
    assert plan(survey, Choice()) == ()
    assert "llmanager did not make it" in remains(survey)[0]


def test_what_stays_is_told_with_its_price() -> None:
    told = "\n".join(remains(FULL))
    assert "llmanager-main-history: about 5 items; 0.27 $ a month (unverified price)" in told


# -- the bill


def test_the_bill_follows_the_template() -> None:
    slow = "Architectures: [arm64]\nMemorySize: 512\nScheduleExpression: rate(10 minutes)\n"
    bill = {item.what: item for item in floor.floor(slow)}
    assert bill["Lambda, time"].sum.startswith("4,320 sweeps x 3 s (assumed) x 0.5 GB x 0.0000133")
    assert bill["Lambda, time"].dollars == pytest.approx(4320 * 3 * 0.5 * 13.3334e-6)
    assert "alarms" not in bill
    [told] = [x for x in floor.lines(list(bill.values())) if x.endswith("$ a month")]
    assert float(told.split()[2]) == pytest.approx(sum(x.dollars for x in bill.values()), abs=1e-3)


def test_a_price_that_was_verified_bears_no_mark() -> None:
    item = floor.Item("x", "1", 1.0, ())
    assert item.verified
    assert not floor.Item("x", "1", 1.0, ("alarm",)).verified
