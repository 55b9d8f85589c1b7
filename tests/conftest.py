"""Homes for tests: each has the default weights, and leaves no process behind."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

from llmanager_sdk.catalog import DEFAULT_CHAT, chat_models
from llmanager_sdk.local.setup import set_up

# A property is about results, and the machine is shared: how long an example takes says nothing,
# and every run tries the same ones.
settings.register_profile(
    "shared",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("shared")

CACHE = Path(
    os.environ.get("LLMANAGER_TEST_CACHE") or Path(__file__).resolve().parent.parent / ".cache"
)


@pytest.fixture(scope="session")
def weights() -> Path:
    """The default weights, set up once for all tests of this checkout."""
    return set_up(chat_models()[DEFAULT_CHAT], CACHE / "models")


def processes(home: Path) -> list[psutil.Process]:
    """The hosts and engines that live in a home."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any("llmanager_sdk.local." in x for x in words) and any(str(home) in x for x in words):
            found.append(process)
    return found


def make_home(folder: Path, weights: Path) -> Path:
    """A home with the weights, linked."""
    models = folder / "models"
    models.mkdir(parents=True, exist_ok=True)
    target = models / weights.name
    try:
        os.link(weights, target)
    except OSError:
        target.symlink_to(weights)
    return folder


@pytest.fixture
def home(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home of one test, in the environment too."""
    folder = make_home(tmp_path / "home", weights)
    monkeypatch.setenv("LLMANAGER_HOME", str(folder))
    yield folder
    end(folder)


@pytest.fixture(scope="module")
def shared_home(weights: Path) -> Iterator[Path]:
    """A home that the tests of a module share, so that they share one engine."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = make_home(Path(name) / "home", weights)
        patch.setenv("LLMANAGER_HOME", str(folder))
        yield folder
        end(folder)


def end(home: Path) -> None:
    """Kill what is left: a test that leaves processes says so itself."""
    for process in processes(home):
        try:
            process.send_signal(signal.SIGKILL)
            process.wait(5)
        except psutil.NoSuchProcess:
            pass


@pytest.fixture
def alone() -> Iterator[None]:
    """Keeps tests that measure or load the machine from running beside each other."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "alone.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
