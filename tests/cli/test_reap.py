"""`llmanager reap` on aws: the watch, how it ends, and the switch."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmanager_sdk.testing.aws import FakeAws
from tests.aws.flows import Scene
from tests.registry.conftest import dynamodb_url

__all__ = ["dynamodb_url"]

COMMAND = [sys.executable, "-m", "llmanager_sdk.cli", "reap"]


@pytest.fixture
def aws(dynamodb_url: str) -> Iterator[FakeAws]:
    with FakeAws(dynamodb=dynamodb_url) as made:
        yield made


@pytest.fixture
def scene(aws: FakeAws, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(aws, tmp_path, "t" + secrets.token_hex(3))
    yield made
    made.close()


def environ(aws: FakeAws, scene: Scene, home: Path) -> dict[str, str]:
    settings = {"PLATFORM": "aws", "NAMESPACE": scene.namespace, "HOME": str(home)}
    return {**os.environ, **{f"LLMANAGER_{x}": y for x, y in settings.items()}, **aws.environ()}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_watch_that_is_ended_takes_its_heartbeat_back(
    aws: FakeAws, scene: Scene, tmp_path: Path, how: signal.Signals
) -> None:
    beats = scene.process().beats
    with subprocess.Popen(
        [*COMMAND, "--watch", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environ(aws, scene, tmp_path),
    ) as watch:
        assert watch.stdout is not None
        assert watch.stdout.readline().startswith("{"), "a sweep is done"
        [beat] = beats.living()
        assert beat.source.endswith(f":{watch.pid}")
        watch.send_signal(how)
        _, err = watch.communicate(timeout=30)
    assert (watch.returncode, "Traceback" in err) == (130, False), err
    assert beats.living() == []


def run(aws: FakeAws, scene: Scene, home: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env=environ(aws, scene, home),
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_watch_sweeps_often_enough_to_be_believed(
    aws: FakeAws, scene: Scene, tmp_path: Path
) -> None:
    code, _, err = run(aws, scene, tmp_path, "--watch", "--every", "1h")
    assert (code, "--every 15m, or less" in err, "Traceback" in err) == (1, True, False), err
    assert scene.process().beats.living() == []


def test_the_switch_says_what_it_stops_and_what_not(
    aws: FakeAws, scene: Scene, tmp_path: Path
) -> None:
    code, out, err = run(aws, scene, tmp_path, "--off", "a look first")
    assert code == 0, err
    assert f"no reaper of the namespace {scene.namespace} deletes anything" in out
    assert "programs still end what they used themselves" in out
    assert "a look first" in scene.process().beats.words().off_by
    assert run(aws, scene, tmp_path, "--on")[1] == "on\n"
    assert scene.process().beats.words().off_by == ""
