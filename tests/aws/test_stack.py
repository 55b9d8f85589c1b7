"""What the SDK takes from the stack without being told: role, cap, version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmanager_sdk.aws.reaper import LAMBDA
from llmanager_sdk.aws.stack import DEFAULT_CAP, FRESH_S, allowed, older, outdated
from llmanager_sdk.errors import CloudUnavailable, ConfigurationError, NotAllowed, StartFailed
from llmanager_sdk.testing.aws import FakeAws, Fault
from llmanager_sdk.version import VERSION
from tests.aws.clocks import Turned
from tests.aws.flows import ROLE, Scene, ensure, want
from tests.deploy.stage import Stage


@pytest.fixture
def stage(aws: FakeAws, tmp_path: Path) -> Stage:
    return Stage(aws, tmp_path)


def test_without_a_stack_there_are_no_outputs(scene: Scene) -> None:
    platform = scene.process()
    assert platform.stack.outputs() == {}
    assert platform.stack.note == ""


def test_an_answer_is_used_for_a_minute(stage: Stage, aws: FakeAws, clock: Turned) -> None:
    stage.deploy(cap=3.0)
    platform = stage.platform()
    aws.faults.clear()
    assert platform.stack.outputs()["Cap"] == "3"
    assert platform.stack.outputs()["Cap"] == "3"
    assert aws.faults.calls == ["cloudformation:DescribeStacks"]
    stage.deploy(cap=4.0)
    platform.stack.forget()
    assert platform.stack.outputs()["Cap"] == "4"
    stage.deploy(cap=5.0)
    clock.sleep(FRESH_S)
    assert platform.stack.outputs()["Cap"] == "5"


def test_who_may_not_look_goes_on_and_says_so(stage: Stage, aws: FakeAws) -> None:
    stage.deploy()
    aws.faults.add(Fault("cloudformation:DescribeStacks", "denied", times=9))
    shown: list[object] = []
    platform = stage.scene.process(show=shown.append)
    platform.beats.beat("test")
    ensure(platform, want())
    assert platform.stack.outputs() == {}
    assert "cloudformation:DescribeStacks is not allowed" in str(shown[0])


def test_no_answer_is_not_the_same_as_no_stack(stage: Stage, aws: FakeAws) -> None:
    aws.faults.add(Fault("cloudformation:DescribeStacks", "5xx", times=9))
    with pytest.raises(CloudUnavailable):
        stage.platform().stack.outputs()


def test_the_role_of_the_stack_is_taken_where_none_is_set(stage: Stage, aws: FakeAws) -> None:
    stage.deploy()
    platform = stage.platform()
    platform.beats.beat("test")
    life = ensure(platform, want(role="")).life
    made = aws.sagemaker.models[life.names["model"]]
    assert made.request["ExecutionRoleArn"].endswith(f":role/{stage.name}-sagemaker")
    assert life.spec.body["role"] == "", "who may not look at the stack has the same spec"
    own = ensure(platform, want(key="own")).life
    assert aws.sagemaker.models[own.names["model"]].request["ExecutionRoleArn"] == ROLE


def test_without_any_role_the_command_is_named(stage: Stage) -> None:
    platform = stage.platform()
    platform.beats.beat("test")
    with pytest.raises((StartFailed, ConfigurationError), match="no role") as caught:
        ensure(platform, want(role=""))
    assert "llmanager deploy" in str(caught.value)


def test_the_cap_of_the_stack_holds_whatever_the_settings_say(stage: Stage) -> None:
    stage.deploy(cap=1.0)
    platform = stage.scene.process(cap=50.0)
    platform.beats.beat("test")
    with pytest.raises((StartFailed, NotAllowed), match=r"cap of this namespace is 1\.00"):
        ensure(platform, want())


def test_who_cannot_read_the_cap_is_not_above_the_usual_one(stage: Stage, aws: FakeAws) -> None:
    stage.deploy(cap=1.0)
    aws.faults.add(Fault("cloudformation:DescribeStacks", "denied", times=9))
    platform = stage.scene.process(cap=50.0)
    platform.beats.beat("test")
    with pytest.raises(
        (StartFailed, NotAllowed), match=r"cap of this namespace is 5\.00"
    ) as caught:
        ensure(platform, replace(want(), price=DEFAULT_CAP + 1))
    assert "allow this caller cloudformation:DescribeStacks" in str(caught.value)


@pytest.mark.parametrize(("mine", "most"), [(None, DEFAULT_CAP), (50.0, DEFAULT_CAP), (2.0, 2.0)])
def test_an_unseen_cap_is_the_usual_one(mine: float | None, most: float) -> None:
    assert allowed(mine, {}, seen=False) == most


@pytest.mark.parametrize("describes", [True, False], ids=["with outputs", "with parameters alone"])
def test_the_cap_holds_while_half_of_the_stack_is_there(
    stage: Stage, aws: FakeAws, describes: bool
) -> None:
    stage.deploy(cap=1.0)
    half_deleted(stage, aws, describes)
    platform = stage.platform()
    assert platform.stack.outputs() == {}
    assert platform.stack.cap(50.0) == platform.stack.cap(None) == 1.0


def half_deleted(stage: Stage, aws: FakeAws, describes: bool = True) -> None:
    aws.rules.undeletable["Role"] = "it is in use"
    aws.session().client("cloudformation").delete_stack(StackName=stage.name)
    aws.clock.sleep(60.0)
    stack = stage.stack()
    assert stack is not None
    assert stack.status == "DELETE_FAILED"
    if not describes:
        stack.outputs.clear()


def test_nobody_counts_on_the_lambda_of_a_stack_that_goes(stage: Stage, aws: FakeAws) -> None:
    stage.deploy()
    half_deleted(stage, aws)
    platform = stage.scene.process()
    platform.beats.beat(LAMBDA)  # of a sweep that was under way
    with pytest.raises((StartFailed, NotAllowed), match="no reaper lives"):
        ensure(platform, want())
    platform.beats.beat("watch@here:1")
    ensure(platform, want(key="other"))


@pytest.mark.parametrize(
    ("mine", "stack", "most"),
    [
        (None, None, DEFAULT_CAP),
        (20.0, None, 20.0),
        (None, "8", 8.0),
        (20.0, "8", 8.0),
        (2.0, "8", 2.0),
        (0.0, "8", 0.0),
        (None, "0", 0.0),
    ],
)
def test_a_setting_only_lowers_the_cap(mine: float | None, stack: str | None, most: float) -> None:
    assert allowed(mine, {} if stack is None else {"Cap": stack}) == most


def test_versions_are_compared_as_numbers() -> None:
    assert older("0.9.0", "0.10.0")
    assert not older("1.0.0", "1.0.0")
    assert not older("1.0.0.dev3", "1.0.0")
    assert "of version 0.0.1" in outdated({"Version": "0.0.1"}, "0.1.0")
    assert outdated({"Version": VERSION}) == outdated({}) == ""


def test_a_stack_that_goes_offers_nothing_any_more(stage: Stage, aws: FakeAws) -> None:
    stage.deploy()
    assert stage.platform().stack.outputs()
    aws.session().client("cloudformation").delete_stack(StackName=stage.name)
    aws.clock.sleep(1.0)
    assert stage.platform().stack.outputs() == {}
