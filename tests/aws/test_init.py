"""`llmanager init` in an account: it shows who else uses the namespace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmanager_sdk.cli import main
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.conftest import Make
from tests.aws.flows import ensure, want

pytestmark = pytest.mark.xdist_group("dynamodb")


@pytest.fixture(autouse=True)
def folder(aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Processes that are started here are in the account."""
    for name, value in aws.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_whoever_asks_first_is_recorded_and_on_every_part(aws: FakeAws, make: Make) -> None:
    platform = make()
    assert "sts:GetCallerIdentity" not in aws.faults.calls
    platform.beats.beat("test")
    known = ensure(platform, want())
    arn = platform.account.identity().arn
    assert arn.startswith("arn:aws:")
    assert known.life.creator == arn
    it = aws.sagemaker
    for parts in (it.models, it.configs, it.endpoints):
        [part] = parts.values()
        assert part.tags["llmanager:creator"] == arn


def test_using_what_exists_asks_nobody_who_asks(aws: FakeAws, make: Make) -> None:
    first = make()
    first.beats.beat("test")
    ensure(first, want())
    aws.faults.calls.clear()
    known = ensure(make(), want())
    assert known.life.creator
    assert "dynamodb:PutItem" in aws.faults.calls or "dynamodb:GetItem" in aws.faults.calls
    assert "sts:GetCallerIdentity" not in aws.faults.calls


def test_who_else_uses_the_namespace(
    aws: FakeAws, make: Make, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform = make()
    space = platform.settings.namespace
    words = ["init", "--platform", "aws", "--namespace", space, "--cap", "4", "--force"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert f"nothing lives in the namespace {space}" in out
    assert "none lives" in out

    platform.beats.beat("watch@somewhere")
    ensure(platform, want())
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "watch@somewhere" in out
    assert "1.41 $/h of 4.00 $/h" in out
    [row] = [line.split() for line in out.splitlines() if line.startswith("tiny")]
    assert row == ["tiny", "ready", "1.41", "you"]

    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["in_use"]
    assert told["lives"][0]["creator"] == told["arn"]
    assert told["reapers"][0]["source"] == "watch@somewhere"

    platform.beats.switch("anna")
    assert main(words) == 0
    assert "turned off (anna)" in capsys.readouterr().out
    assert Settings.load({}, folder).namespace == space


def test_what_may_not_be_seen_is_said(
    aws: FakeAws, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.faults.add(Fault("sts:GetCallerIdentity", "denied"))
    assert main(["init", "--platform", "aws", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["in_use"] is None
    assert told["not_seen"]
