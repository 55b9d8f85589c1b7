"""An engine whose host died without a word: kill -9, a power cut, a reboot."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmanager_sdk.cli.resources import statuses
from llmanager_sdk.core import verbs
from llmanager_sdk.core.claims import Want
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import Life, Seen, Slot
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.core.sweep import sweep
from llmanager_sdk.errors import StartFailed
from llmanager_sdk.local.platform import LocalPlatform
from llmanager_sdk.local.rundir import RunDir, release
from llmanager_sdk.look import look
from llmanager_sdk.settings import Settings
from tests.conftest import processes
from tests.local import scenes
from tests.local.test_never_stopped import Clock

SPEC = spec_of("model", "k", {"file": "/no/such.gguf"})


@pytest.fixture
def platform(tmp_path: Path) -> LocalPlatform:
    """One ready life, pinned for a minute; nobody holds the lock of its folder."""
    platform = LocalPlatform(Settings(home=tmp_path), Clock())
    engine = platform.keeper.engine
    until = engine.clock.time() + 60
    life = Life(1, SPEC, {"run": "main-k-1-0a"}, "ready", used_until=until, pinned_until=until)
    assert engine.registry.swap(Slot("k"), Slot("k", next_gen=2, lives=(life,)))
    RunDir(tmp_path / "run" / "main-k-1-0a").path.mkdir(parents=True)
    return platform


@pytest.fixture
def held(platform: LocalPlatform) -> Iterator[RunDir]:
    """The same, with a host that does not answer."""
    folder = RunDir(platform.settings.home / "run" / "main-k-1-0a")
    lock = folder.claim()
    assert lock is not None
    folder.endpoint.write_text(json.dumps({"url": "http://127.0.0.1:9/v1", "key": "", "slots": 1}))
    yield folder
    release(lock)


def the_life(platform: LocalPlatform) -> Life:
    return platform.keeper.engine.registry.read("k").lives[0]


def test_nobody_uses_what_nobody_hosts(platform: LocalPlatform) -> None:
    assert platform.models.used_outside(the_life(platform)) == -math.inf


def test_a_host_that_does_not_answer_counts_as_busy(platform: LocalPlatform, held: RunDir) -> None:
    assert platform.models.used_outside(the_life(platform)) is None


def test_it_is_not_shown_as_ready(platform: LocalPlatform) -> None:
    engine = platform.keeper.engine
    assert [each.phase for each in statuses(engine, "local")] == ["vanished"]
    (cost,) = look(platform).costs()
    assert (cost.status.phase, cost.look.seen) == ("vanished", Seen.ABSENT)


def test_stop_ends_it(platform: LocalPlatform) -> None:
    engine = platform.keeper.engine
    assert run(verbs.stop(engine, "k"), engine.clock) == 1
    assert run(verbs.see_off(engine, "k", 5.0), engine.clock)
    assert the_life(platform).phase == "gone"


def test_a_use_after_stop_begins_a_new_life(platform: LocalPlatform) -> None:
    engine = platform.keeper.engine
    run(verbs.stop(engine, "k"), engine.clock)
    with pytest.raises(StartFailed, match="cannot be read"):  # there are no weights here
        run(engine.ensure(Want(SPEC, 60), deadline=engine.clock.time() + 30), engine.clock)
    assert engine.registry.read("k").lives[-1].gen == 2


def test_a_sweep_buries_it_once_its_lease_is_over(platform: LocalPlatform) -> None:
    engine = platform.keeper.engine
    assert [why for *_, why in run(sweep(engine, "main"), engine.clock).spared]
    engine.clock.sleep(90.0)
    report = run(sweep(engine, "main"), engine.clock)
    assert report.done
    assert not report.unknown
    assert the_life(platform).phase == "gone"


@pytest.mark.xdist_group("engines")
def test_a_killed_host_is_seen_stopped_and_followed(home: Path) -> None:
    model = scenes.llm(max_tokens=4)
    model.resource.warm()
    (endpoint,) = home.glob("run/*/endpoint.json")
    os.kill(json.loads(endpoint.read_text())["pid"], signal.SIGKILL)
    assert scenes.until(lambda: not processes(home), 20) < 20
    assert model.resource.status().phase == "vanished"
    assert model.resource.stop().phase == "cold"
    assert model.resource.warm().phase == "ready"
    assert model.resource.stop().phase == "cold"
