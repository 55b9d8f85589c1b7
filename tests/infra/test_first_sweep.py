"""After `llmanager deploy` the reaper lives at once, so that the first use is not refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmanager_sdk.deploy.first_sweep import first_sweep
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.clocks import Fast
from tests.aws.emulated import emulated_account
from tests.infra.scenes import AT_ONCE
from tests.infra.stage import Stage
from tests.servers import dynamodb

pytestmark = [
    pytest.mark.xdist_group("emulated"),
    pytest.mark.skipif(bool(dynamodb.missing()), reason="DynamoDB Local cannot run here"),
]


@pytest.fixture(scope="module")
def aws() -> Iterator[FakeAws]:
    with emulated_account(rules=AT_ONCE) as made:
        yield made


def test_it_makes_the_table_and_the_lambda_says_that_it_lives(aws: FakeAws, tmp_path: Path) -> None:
    stage, said = Stage(aws, table=False), list[str]()
    platform = stage.platform(tmp_path)
    assert platform.beats.living() == []
    assert first_sweep(platform, said.append)
    assert said == ["The reaper lives: its first sweep is done."]
    assert [beat.source for beat in platform.beats.living()] == ["lambda"]
    assert first_sweep(platform, said.append)


def test_a_switch_that_is_off_stays_off(aws: FakeAws, tmp_path: Path) -> None:
    stage, said = Stage(aws), list[str]()
    stage.switch("me")
    assert not first_sweep(stage.platform(tmp_path), said.append)
    assert said == ["The reapers are off (me): `llmanager reap --on` turns them on."]


def test_what_cannot_be_done_now_is_told(aws: FakeAws, tmp_path: Path) -> None:
    stage, said = Stage(aws), list[str]()
    aws.faults.add(Fault("lambda:Invoke", "denied"))
    assert not first_sweep(stage.platform(tmp_path), said.append)
    assert "lambda:Invoke" in said[0]
    assert "every 5 minutes" in said[1]


def test_a_lambda_that_fails_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with emulated_account(rules=AT_ONCE, clock=Fast()) as aws:
        stage, said = Stage(aws), list[str]()
        aws.faults.add(Fault("dynamodb:UpdateItem", "denied", times=99))
        assert not first_sweep(stage.platform(tmp_path), said.append)
        assert f"its log is /aws/lambda/{stage.function}" in said[0]
