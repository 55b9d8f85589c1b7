"""Every probe finds its fact on the fake account, and notices an account where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.doctor.live.bench import Bench
from llmanager_sdk.doctor.live.report import about, as_json, as_markdown
from llmanager_sdk.doctor.live.run import PROBES, Done, Plan, carry_out, plan
from llmanager_sdk.errors import LLManagerError, NotAllowed
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.flows import Scene
from tests.doctor.lies import LIES, engine, tei
from tests.doctor.lying import Lie, Lying

NAMES = [probe.name for probe in PROBES]


@pytest.fixture(autouse=True)
def container(aws: FakeAws) -> None:
    """What the probes deploy."""
    engine(tei)(aws)


def quiet(line: str) -> None:
    """Nobody reads it."""


def bench(scene: Scene, lies: Mapping[str, Lie] | None = None, limit: float = 2.0) -> Bench:
    scene.aws.rules.quota = {"ml.c7i.xlarge": 0}
    session = Lying(scene.aws.session(), lies or {})
    platform: AwsPlatform = scene.process(session)
    platform.beats.beat("lambda")
    return Bench(platform, limit, quiet)


def run(made: Bench, *names: str) -> tuple[Plan, Done]:
    planned = plan(made, names)
    return planned, carry_out(made, planned.steps)


def left(scene: Scene, made: Bench) -> list[str]:
    tables = made.client("dynamodb").list_tables()["TableNames"]
    return [x for x in tables if made.token in x] + scene.left() + scene.aws.services.roles.left()


def test_every_fact_holds_on_the_fake_and_nothing_is_left(scene: Scene) -> None:
    made = bench(scene)
    planned, done = run(made)
    assert [each.name for each in done.outcomes] == NAMES
    assert {each.name: each.seen for each in done.outcomes if each.verdict != "holds"} == {}
    assert done.well
    assert left(scene, made) == []
    assert 0 < done.spent < planned.most < 2.0
    assert sum(each.dollars for each in done.outcomes) <= done.spent


def test_each_probe_has_a_lie() -> None:
    assert set(LIES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_probe_notices_an_account_that_lies(name: str, scene: Scene) -> None:
    made = bench(scene, LIES[name](scene.aws))
    _, done = run(made, name)
    verdicts = {each.name: each.verdict for each in done.outcomes}
    assert verdicts[name] == "differs", done.outcomes[-1].seen
    assert not done.well
    if not done.left:  # what a lying account hides cannot be cleaned up
        assert left(scene, made) == []


@pytest.mark.parametrize(
    ("limit", "out"),
    [
        (0.3, {"metric", "logs", "name again"}),  # one creation and deletion is 0.29 $
        (
            0.0,
            {probe.name for probe in PROBES if probe.paid or "endpoint" in probe.needs}
            | {"deleted"},
        ),
    ],
)
def test_what_the_limit_does_not_cover_is_left_out(
    limit: float, out: set[str], scene: Scene
) -> None:
    made = bench(scene, limit=limit)
    planned, done = run(made)
    assert {step.probe.name for step in planned.steps if step.why_not} == out
    assert {x.name for x in done.outcomes if x.verdict == "not tried"} == out | {"quota refusal"}
    assert done.spent <= planned.most <= limit
    assert scene.aws.sagemaker.created["endpoint"] == (1 if limit else 0)


def test_a_run_ends_before_its_limit_whatever_aws_does(scene: Scene) -> None:
    scene.aws.rules.creating = 3000.0
    made = bench(scene, limit=2.0)
    planned = plan(made)
    made.limit = 0.2  # of 0.204 $/h: a creation of 50 minutes and what cleaning up may take
    done = carry_out(made, planned.steps)
    assert "the limit is" in done.stopped
    assert done.spent <= made.limit
    assert left(scene, made) == []
    assert not done.well


class _Interrupts:
    """Ctrl-C right after the n-th call of one operation that is accepted."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, call: Any, asked: Mapping[str, Any]) -> Any:
        told = call(**asked)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return told


@pytest.mark.parametrize(
    ("operation", "calls"),
    [
        ("dynamodb.put_item", 3),
        ("sagemaker.create_model", 1),
        ("iam.create_role", 1),
        ("sagemaker.create_endpoint", 1),
        ("sagemaker.create_endpoint", 2),
        ("sagemaker.describe_endpoint", 4),
        ("logs.get_log_events", 1),
        ("sagemaker.delete_endpoint", 1),
    ],
)
def test_an_interrupted_run_cleans_up(operation: str, calls: int, scene: Scene) -> None:
    scene.aws.rules.visible = 0.0
    made = bench(scene, {operation: _Interrupts(calls)})
    _, done = run(made)
    assert done.stopped == "it was interrupted"
    assert done.left == []
    assert left(scene, made) == []
    assert {each.name for each in done.outcomes} == set(NAMES)


def test_a_second_interruption_says_what_is_left(scene: Scene) -> None:
    made = bench(scene, {"sagemaker.create_endpoint": _Interrupts(1)})
    made.say = _Stop(made.say, "deleting")
    _, done = run(made)
    assert any("the reaper deletes it" in each for each in done.left)
    assert scene.left() != []
    assert scene.settle(30) <= 30, "the reaper finds the row"


class _Stop:
    """Ctrl-C while a line is said."""

    def __init__(self, say: Any, word: str) -> None:
        self._say, self._word = say, word

    def __call__(self, line: str) -> None:
        if self._word in line:
            raise KeyboardInterrupt
        self._say(line)


def test_a_killed_run_is_cleaned_up_by_the_reaper_for_no_more_than_was_said(scene: Scene) -> None:
    made = bench(scene)
    planned = plan(made, ["endpoint"])
    for step in planned.steps:
        step.probe.look(made)  # and then nobody cleans up
    began = scene.aws.clock.time()
    assert scene.left() != []
    assert scene.settle(30) <= 30
    assert planned.price * (scene.aws.clock.time() - began) / 3600 <= planned.killed


def test_nothing_is_tried_where_nobody_would_clean_up(scene: Scene) -> None:
    platform = scene.process()
    with pytest.raises(NotAllowed, match="no reaper lives"):
        plan(Bench(platform, 2.0, quiet))


def test_an_unknown_probe_is_named(scene: Scene) -> None:
    with pytest.raises(LLManagerError, match="no probe is called nothing"):
        plan(bench(scene), ["nothing"])


def test_what_is_not_allowed_is_not_tried(scene: Scene, aws: FakeAws) -> None:
    from llmanager_sdk.testing.aws import Fault

    aws.faults.add(Fault("iam:CreateRole", "denied"))
    _, done = run(bench(scene), "new role")
    assert done.outcomes[-1].verdict == "not tried"
    assert "iam:CreateRole" in done.outcomes[-1].seen
    assert done.well


def test_the_report_tells_all_of_it(scene: Scene) -> None:
    made = bench(scene)
    planned, done = run(made, "model twice", "quota names")
    facts = about("123456789012", "us-east-1", "1.2.3", made.began)
    text = as_markdown(done, planned, facts)
    told = json.loads(as_json(done, planned, facts))
    assert "123456789012" not in text + json.dumps(told)
    assert [x["name"] for x in told["outcomes"]] == ["quota names", "model", "model twice"]
    assert "3 facts hold, 0 differ, 0 were not tried" in text
    assert "Cannot create already existing model" in text
    done.left, done.stopped = ["a table"], "it was interrupted"
    assert "- a table" in as_markdown(done, planned, facts)
