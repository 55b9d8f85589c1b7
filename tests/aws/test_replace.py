"""Another deployment in the place of the one that lives under a name: beside it, or after it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmanager_sdk import ManagedLLM
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.cli import main
from llmanager_sdk.errors import ConfigurationError, SpecChanged, StartFailed
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.clocks import Turned
from tests.aws.conftest import Make
from tests.aws.flows import reap

STATES = tuple[str, ...]


@pytest.fixture
def platform(make: Make) -> AwsPlatform:
    made = make()
    made.beats.beat("test", 3600.0)
    return made


def llm(platform: Any, context: int = 4096, **more: Any) -> ManagedLLM:
    more = {"deployment": "chat", **more}
    return ManagedLLM("qwen3-0.6b", platform=platform, progress="off", context=context, **more)


def served(aws: FakeAws) -> list[str]:
    """The contexts of all endpoints that are up."""
    found = []
    for it in aws.sagemaker.endpoints.values():
        model = aws.sagemaker.models[it.name].request["PrimaryContainer"]
        if it.status == "InService":
            found.append(model["Environment"]["SM_VLLM_MAX_MODEL_LEN"])
    return sorted(found)


def most_at_once(aws: FakeAws) -> list[int]:
    """How many endpoints there are, noted at each creation."""
    seen: list[int] = []
    made = aws.sagemaker._CreateEndpoint

    def create(request: Any) -> Any:
        answer = made(request)
        seen.append(len(aws.sagemaker.endpoints))
        return answer

    aws.sagemaker._CreateEndpoint = create  # type: ignore[method-assign]
    return seen


def test_beside_keeps_the_old_one_until_the_new_one_is_ready(
    aws: FakeAws, platform: AwsPlatform, make: Make, clock: Turned
) -> None:
    old, new = llm(make()), llm(platform, context=8192)
    old.invoke("hi")
    with pytest.raises(SpecChanged, match=r"SM_VLLM_MAX_MODEL_LEN.*4096") as caught:
        new.invoke("hi")
    assert ".resource.replace()" in caught.value.hint
    seen = most_at_once(aws)
    assert new.resource.replace().details["context"] == 8192
    assert seen == [2]
    assert served(aws) == ["4096", "8192"]
    newest = list(aws.sagemaker.endpoints)[-1]
    before = len(aws.services.invocations[newest])
    clock.now += 61  # the old caller looks again, and goes over
    assert old.invoke("hi").content
    assert len(aws.services.invocations[newest]) == before + 1
    for _ in range(4):
        clock.now += 600
        reap(make())
        new.invoke("hi")
    assert served(aws) == ["8192"]


def test_recreate_ends_the_old_one_first(aws: FakeAws, platform: AwsPlatform, make: Make) -> None:
    aws.rules.quota = {"ml.g5.xlarge": 1}
    old = llm(make(), aws={"instance_type": "ml.g5.xlarge"})
    new = llm(platform, context=8192, aws={"instance_type": "ml.g5.xlarge"})
    old.invoke("hi")
    seen = most_at_once(aws)
    assert new.resource.replace(strategy="recreate").phase == "ready"
    assert seen == [1]
    assert served(aws) == ["8192"]
    assert new.invoke("hi").content


def test_a_failed_replacement_leaves_the_old_one_current(
    aws: FakeAws, platform: AwsPlatform, make: Make
) -> None:
    old, new = llm(make()), llm(platform, context=8192, aws={"instance_type": "ml.g6.xlarge"})
    old.invoke("hi")
    aws.rules.capacity = {"ml.g6.xlarge"}
    with pytest.raises(StartFailed, match="InsufficientInstanceCapacity"):
        new.resource.replace()
    assert served(aws) == ["4096"]
    assert old.invoke("hi").content


@pytest.mark.parametrize("strategy", ["beside", "recreate"])
def test_where_nothing_else_lives_it_is_simply_brought_up(
    aws: FakeAws, platform: AwsPlatform, strategy: Any
) -> None:
    model = llm(platform)
    assert model.resource.replace(strategy=strategy).phase == "ready"
    assert model.resource.replace(strategy=strategy).phase == "ready"
    assert aws.sagemaker.created["endpoint"] == 1


def test_scaling_is_part_of_what_is_deployed(
    aws: FakeAws, platform: AwsPlatform, make: Make
) -> None:
    llm(make()).invoke("hi")
    wider = llm(platform, aws={"max_instances": 2})
    with pytest.raises(SpecChanged, match="max_instances is 1, wanted 2"):
        wider.invoke("hi")
    wider.resource.replace()
    [target] = aws.services.targets.values()
    assert target["MaxCapacity"] == 2


def test_its_twin(platform: AwsPlatform) -> None:
    assert asyncio.run(llm(platform).resource.areplace(strategy="recreate")).phase == "ready"


def test_what_makes_no_sense_is_refused(aws: FakeAws, platform: AwsPlatform) -> None:
    with pytest.raises(ConfigurationError, match="without one, each spec has its own"):
        llm(platform, deployment=None).resource.replace()
    with pytest.raises(ConfigurationError, match="strategy='soon'"):
        llm(platform).resource.replace(strategy="soon")  # type: ignore[arg-type]
    theirs = llm(platform, aws={"endpoint_name": "theirs"})
    with pytest.raises(ConfigurationError, match="existed before"):
        theirs.resource.replace()
    assert aws.sagemaker.endpoints == {}


def test_the_command_asks_for_a_deployment(home: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["warm", "--replace", "beside"]) == 1
    assert "deployment name" in capsys.readouterr().err
