"""What the doctor says of a namespace's stack, and of what deploy left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import llmanager_sdk
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.cli.doctor_aws import checks
from llmanager_sdk.deploy.gateway import CloudFormation
from llmanager_sdk.deploy.stacks import Options, Wanted, wanted
from llmanager_sdk.doctor.finding import Finding, examine, mend
from llmanager_sdk.testing.aws import FakeAws
from tests.deploy.stage import Stage


@pytest.fixture
def stage(aws: FakeAws, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(aws, tmp_path)
    yield made
    made.scene.close()


def found(platform: AwsPlatform) -> dict[str, Finding]:
    return {each.name: each.finding for each in examine(checks(platform))}


def test_a_stack_in_order(stage: Stage) -> None:
    stage.deploy(version=llmanager_sdk.__version__, cap=3.0)
    told = found(stage.platform())
    assert told["stack"].ok
    assert "CREATE_COMPLETE" in told["stack"].text
    assert "cap 3 $/h" in told["stack"].text
    assert told["change sets"].ok
    assert "has not swept yet" in told["reaper"].text


def test_a_stack_that_is_older_than_the_sdk(stage: Stage) -> None:
    stage.deploy(version="0.0.1")
    told = found(stage.platform())["stack"]
    assert (told.ok, "older than this SDK" in told.text) == (False, True)


def test_a_stack_that_failed(stage: Stage) -> None:
    stage.aws.rules.uncreatable = {"Reaper": "no such runtime"}
    with pytest.raises(llmanager_sdk.LLManagerError):
        stage.deploy()
    told = found(stage.platform())["stack"]
    assert (told.ok, "llmanager deploy" in told.text) == (False, True)


def test_change_sets_that_were_left_over_are_removed(stage: Stage) -> None:
    stage.deploy()
    platform = stage.platform()
    gateway = CloudFormation(platform.account.client("cloudformation"))
    now = gateway.look(stage.name)
    text = stage.templates("template")

    def stack(**asked: float) -> Wanted:
        return wanted(stage.namespace, "template", text, "1.0.0", Options(**asked), now)

    names = {
        "llmanager-deploy-same": stack(),  # nothing changes, so that it fails
        "llmanager-diff-crashed": stack(cap=9.0),
        "llmanager-deploy-usable": stack(cap=9.0),
        "somebody-elses": stack(),
    }
    for name, what in names.items():
        assert gateway.propose(what, name, "UPDATE")
    stage.aws.clock.sleep(60.0)
    told = found(platform)["change sets"]
    assert told.text == "left over: llmanager-deploy-same, llmanager-diff-crashed"
    said: list[str] = []
    results = [x for x in examine(checks(platform)) if x.name == "change sets"]
    assert mend(results, lambda title: True, said.append)
    assert len(said) == 2
    left = set(gateway.change_sets(stage.name))
    assert left >= {"llmanager-deploy-usable", "somebody-elses"}
    assert not left & {"llmanager-deploy-same", "llmanager-diff-crashed"}
    assert found(platform)["change sets"].ok
