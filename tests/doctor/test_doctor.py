"""What each check says of an account in order, and of one that is not; and what --fix mends."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.doctor.finding import Check, Finding, Fix, Result, examine, mend
from llmanager_sdk.errors import ConfigurationError, PermissionMissing
from llmanager_sdk.testing.aws import Fault
from tests.aws.flows import Scene, ensure, want
from tests.doctor.looking import looked, mended
from tests.doctor.lying import Lying

NAMES = [
    "identity",
    "region",
    "clock",
    "permissions",
    "quotas",
    "stack",
    "change sets",
    "reaper",
    "registry",
    "history",
    "rows",
    "orphans",
    "rowless",
]


def test_an_account_in_order(platform: AwsPlatform) -> None:
    ensure(platform, want())
    platform.history().append("s", [], None)
    found = looked(platform)
    assert list(found) == NAMES
    wrong = {name: x.text for name, x in found.items() if not x.ok}
    assert set(wrong) == {"stack"}, "only the stack is missing here"
    assert "llmanager deploy" in wrong["stack"]
    assert all(not x.fixes for x in found.values())


def test_nothing_is_made_by_looking(platform: AwsPlatform, scene: Scene) -> None:
    before = len(scene.aws.faults.calls)
    looked(platform)
    verbs = {each.partition(":")[2] for each in scene.aws.faults.calls[before:]}
    assert not {x for x in verbs if x.startswith(("Create", "Delete", "Put", "Update", "Tag"))}


def test_a_clock_that_is_wrong(scene: Scene) -> None:
    def an_hour_ago(call: Any, asked: Any) -> Any:
        told = call(**asked)
        told["ResponseMetadata"]["HTTPHeaders"]["date"] = "Fri, 15 Jan 2027 07:00:00 GMT"
        return told

    lies = {"sts.get_caller_identity": an_hour_ago}
    found = looked(scene.process(Lying(scene.aws.session(), lies)))["clock"]
    assert (found.ok, "3600 s ahead of AWS" in found.text) == (False, True)


def test_permissions_that_are_missing(platform: AwsPlatform, scene: Scene) -> None:
    scene.aws.rules.denied |= {"sagemaker:CreateEndpoint", "cloudwatch:GetMetricData"}
    text = looked(platform)["permissions"].text
    assert "to look at everything: cloudwatch:GetMetricData" in text
    assert "to use models and create them: sagemaker:CreateEndpoint" in text
    scene.aws.faults.add(Fault("iam:SimulatePrincipalPolicy", "denied", times=9))
    found = looked(platform)["permissions"]
    assert (found.ok, "iam:SimulatePrincipalPolicy" in found.text) == (None, True)


@pytest.mark.parametrize(
    ("rule", "value", "says"),
    [
        ("caller", "arn:aws:iam::123456789012:root", "Invalid Entity Arn"),
        ("paths", {"dev": "/team/"}, "The role with name dev cannot be found"),
        ("conditions", {"aws:SourceVpc"}, "its policies decide by aws:SourceVpc"),
    ],
)
def test_permissions_that_cannot_be_simulated_are_open(
    platform: AwsPlatform, scene: Scene, rule: str, value: Any, says: str
) -> None:
    setattr(scene.aws.rules, rule, value)
    found = looked(platform)["permissions"]
    assert (found.ok, says in found.text) == (None, True), found.text


def test_quotas_that_cannot_be_listed_are_open(platform: AwsPlatform, scene: Scene) -> None:
    scene.aws.faults.add(Fault("service-quotas:ListServiceQuotas", "not found", times=9))
    found = looked(platform)["quotas"]
    assert (found.ok, "servicequotas:ListServiceQuotas" in found.text) == (None, True)


def test_quotas(platform: AwsPlatform, scene: Scene) -> None:
    scene.aws.rules.quota = {"ml.g5.xlarge": 0, "ml.g6.xlarge": 2}
    found = looked(platform)["quotas"]
    assert found.ok
    assert "ml.g6.xlarge (2)" in found.text
    assert "1 other types: 0" in found.text
    scene.aws.rules.quota = dict.fromkeys([*scene.aws.rules.quota, *_all_types()], 0)
    assert looked(platform)["quotas"].ok is False


def _all_types() -> list[str]:
    from llmanager_sdk.catalog.data import instances

    return list(instances())


# -- reapers ---------------------------------------------------------------------------------------


def test_no_reaper(scene: Scene) -> None:
    found = looked(scene.process())["reaper"]
    assert (found.ok, "none lives" in found.text, "deploy" in found.text) == (False, True, True)


def test_reapers_that_are_off(platform: AwsPlatform) -> None:
    platform.beats.switch("me@here: an audit")
    found = looked(platform)["reaper"]
    assert (found.ok, "me@here: an audit" in found.text) == (False, True)
    assert found.fixes == (), "--yes must not turn a kill switch"


def test_a_lambda_that_stopped(platform: AwsPlatform, scene: Scene) -> None:
    scene.aws.clock.sleep(1000.0)
    text = looked(platform)["reaper"].text
    assert "the Lambda's last word ran out" in text
    assert f"/aws/lambda/llmanager-{scene.namespace}-reaper" in text


def test_a_heartbeat_without_a_process_is_cleared(platform: AwsPlatform) -> None:
    gone = f"watch@{socket.gethostname()}:{_no_process()}"
    mine = f"watch@{socket.gethostname()}:{os.getpid()}"
    for source in (gone, mine, "watch@elsewhere:1"):
        platform.beats.beat(source)
    found = looked(platform)["reaper"]
    assert found.ok is False
    assert [x.title for x in found.fixes] == [
        f"clear the heartbeat of {gone}, which names a process that is not there"
    ]
    assert len(mended(platform, "reaper")) == 1
    assert {x.source for x in platform.beats.living()} == {"lambda", mine, "watch@elsewhere:1"}
    assert looked(platform)["reaper"].ok
    assert mended(platform, "reaper") == []


def test_a_heartbeat_that_ran_out_is_cleared(platform: AwsPlatform, scene: Scene) -> None:
    platform.beats.beat("watch@elsewhere:1")
    scene.aws.clock.sleep(1000.0)
    platform.beats.beat("lambda")
    assert "which ran out" in mended(platform, "reaper")[0]
    assert looked(platform)["reaper"].ok


def _no_process() -> int:
    """The number of a process that has ended."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


# -- tables ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["registry", "history"])
def test_a_half_made_table_is_completed(which: str, platform: AwsPlatform, scene: Scene) -> None:
    space = scene.namespace if which == "history" else "h" + scene.namespace[1:]
    other = scene.process(namespace=space)
    table = f"llmanager-{space}-{which}"
    names = ("pk", "sk")
    other.account.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": x, "AttributeType": "S"} for x in names],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    found = looked(other)[which]
    ends = ["the end of items (ttl)"] if which == "history" else []
    lacks = ["deletion protection", "point-in-time recovery", "the tag llmanager", *ends]
    assert found.text == f"{table} lacks {', '.join(lacks)}"
    assert mended(other, which) == [f"done: {found.fixes[0].title}: it is complete"]
    assert looked(other)[which] == Finding(True, f"{table} is ACTIVE and complete")
    assert mended(other, which) == []


def test_a_part_of_a_table_that_nobody_may_look_at(platform: AwsPlatform, scene: Scene) -> None:
    ensure(platform, want())
    scene.aws.faults.add(Fault("dynamodb:DescribeContinuousBackups", "denied", times=9))
    found = looked(platform)["registry"]
    assert (found.ok, found.text.endswith("not looked at: point-in-time recovery")) == (True, True)


# -- asking ----------------------------------------------------------------------------------------


def test_each_fix_is_asked_for_and_what_is_not_agreed_to_is_left() -> None:
    done: list[str] = []

    def fix(name: str) -> Fix:
        return Fix(name, lambda: done.append(name) or "well")  # type: ignore[func-returns-value]

    def failing() -> str:
        raise ConfigurationError("it did not work", hint="try again")

    results = [
        Result("a", Finding(False, "", (fix("one"), fix("two")))),
        Result("b", Finding(False, "", (Fix("three", failing), fix("four")))),
    ]
    said: list[str] = []
    assert not mend(results, lambda title: title != "one", said.append)
    assert done == ["two", "four"]
    assert said[0] == "left as it is: one"
    assert said[2].startswith("FAILED: three: it did not work")
    assert not mend(results[:1], lambda title: title != "one", said.append)
    assert mend(results[:1], lambda title: True, said.append)


def _raises(error: Exception) -> Check:
    def check() -> Finding:
        raise error

    return check


@pytest.mark.parametrize(
    ("error", "ok"),
    [
        (PermissionMissing("you may not"), None),
        (ConfigurationError("no region"), False),
        (PermissionError("no file"), False),
    ],
)
def test_a_check_that_cannot_be_made_hides_no_other(error: Exception, ok: bool | None) -> None:
    made: dict[str, Callable[[], Finding]] = {
        "a": _raises(error),
        "b": lambda: Finding(True, "well"),
    }
    first, second = examine(made)
    assert first.finding.ok is ok
    assert second.finding.ok
    assert first.as_dict()["check"] == "a"
