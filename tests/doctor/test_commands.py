"""The commands, as somebody with an account types them: in processes of their own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmanager_sdk.aws import AwsPlatform
from llmanager_sdk.aws.guard import Reapers
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws, Rules
from tests.aws.flows import ROLE

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def quick(dynamodb_url: str) -> Iterator[FakeAws]:
    """An account with a clock like everybody's."""
    with FakeAws(dynamodb=dynamodb_url, rules=Rules(creating=1.0)) as made:
        yield made


@pytest.fixture
def namespace() -> str:
    return "t" + secrets.token_hex(3)


@pytest.fixture
def beats(quick: FakeAws, namespace: str, tmp_path: Path) -> Reapers:
    """What reapers say in the namespace."""
    settings = Settings(namespace=namespace, home=tmp_path)
    return AwsPlatform(settings, session=quick.session()).beats


@pytest.fixture
def run(quick: FakeAws, namespace: str, tmp_path: Path) -> Run:
    own = {
        "LLMANAGER_PLATFORM": "aws",
        "LLMANAGER_NAMESPACE": namespace,
        "LLMANAGER_ROLE": ROLE,
        "LLMANAGER_HOME": str(tmp_path),
    }

    def typed(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "llmanager_sdk.cli", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | quick.environ() | own,
        )
        return done.returncode, done.stdout, done.stderr

    return typed


def test_an_empty_account(run: Run) -> None:
    code, out, err = run("ls")
    assert (code, err) == (0, "")
    assert "nothing is running on aws" in out
    assert "no reaper lives" in out
    code, out, _ = run("ceiling")
    assert (code, "0.00 $: nothing that costs money exists" in out) == (0, True)
    assert json.loads(run("ceiling", "--json")[1])["total"] == 0.0
    code, _, err = run("logs", "nothing")
    assert (code, "there is no resource called 'nothing'" in err) == (1, True)
    code, out, _ = run("doctor", "--json")
    told = {x["check"]: x["ok"] for x in json.loads(out)}
    assert (code, told["identity"], told["stack"], told["reaper"]) == (1, True, False, False)


def test_fixes_are_shown_and_asked_for(run: Run, beats: Reapers) -> None:
    beats.beat("watch@elsewhere:1", -1000.0)  # it ran out long ago
    title = "clear the heartbeat of watch@elsewhere:1, which ran out"
    code, out, _ = run("doctor")
    assert (code, f"after asking for each of 1:\n  {title}" in out) == (1, True)
    code, out, err = run("doctor", "--fix")
    assert (code, "nobody can answer here" in err) == (1, True)
    code, out, err = run("doctor", "--fix", "--json")
    assert (code, "give one of the two" in err) == (1, True)
    assert beats.words().said != {}
    code, out, err = run("doctor", "--fix", "--yes")
    assert (code, f"done: {title}" in out) == (1, True), "no stack and no reaper: not for --fix"
    assert beats.words().said == {}
    code, out, err = run("doctor", "--fix", "--yes")
    assert (code, "there is nothing to fix" in out) == (1, True)


def test_live_needs_a_reaper_a_limit_and_a_yes(run: Run, tmp_path: Path) -> None:
    code, _, err = run("doctor", "--live")
    assert (code, "--limit 2" in err) == (1, True)
    code, _, err = run("doctor", "--live", "--limit", "much")
    assert (code, "no amount" in err) == (1, True)
    code, _, err = run("doctor", "--live", "--limit", "1", "--yes")
    assert (code, "no reaper lives" in err) == (1, True)
    assert list(tmp_path.glob("llmanager-live-*")) == []


def test_live_writes_its_report(run: Run, quick: FakeAws, namespace: str, tmp_path: Path) -> None:
    settings = Settings(namespace=namespace, home=tmp_path)
    AwsPlatform(settings, session=quick.session()).beats.beat("lambda")
    words = ("doctor", "--live", "--limit", "0", "--only", "missing,condition", "--report", "r")
    code, _, err = run(*words)
    assert (code, "say --yes" in err) == (1, True)
    code, out, err = run(*words, "--yes")
    assert code == 0, out + err
    assert "At most 0.00 $ of the limit of 0.00 $" in out
    (report,) = (tmp_path / "r").glob("*.json")
    told = json.loads(report.read_text())
    assert [x["verdict"] for x in told["outcomes"]] == ["holds"] * 3
    assert "3 facts hold" in report.with_suffix(".md").read_text()
