"""An engine is never stopped while a call is open, and goes soon after the last one."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk import ManagedLLM
from llmanager_sdk.core.life import Life, Slot
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.local.host import Host, open_calls
from llmanager_sdk.local.rundir import RunDir
from llmanager_sdk.registry.memory import MemoryRegistry
from tests.local import scenes


@pytest.mark.xdist_group("engines")
def test_an_idle_engine_goes_in_time_and_the_next_call_brings_it_back(home: Path) -> None:
    assert 3 < scenes.gone_after(home, 3.0) < 60
    assert scenes.llm(max_tokens=4).invoke("Say hello").content
    assert scenes.hosts_started(home) == 2


@pytest.mark.xdist_group("engines")
def test_a_stream_far_longer_than_the_idle_timeout_is_whole(home: Path) -> None:
    seconds, finish = scenes.long_stream(home)
    assert seconds > 1 + 2 + 1
    assert finish in ("length", "stop")


@pytest.mark.xdist_group("engines")
@pytest.mark.parametrize("scene", [scenes.slept, scenes.paused_reader])
def test_sleeping_in_mid_stream_loses_nothing(home: Path, scene: Any) -> None:
    finish, chunks = scene(home).split()
    assert finish in ("length", "stop")
    assert int(chunks) > 20


@pytest.mark.xdist_group("engines")
def test_the_end_of_a_with_block_ends_what_nobody_else_uses(home: Path) -> None:
    with ManagedLLM(idle_timeout="10m", max_tokens=2, progress="off") as llm:
        llm.invoke("hello")
    assert scenes.until(lambda: not scenes.processes(home), 60) < 60


@pytest.mark.xdist_group("engines")
def test_the_end_of_a_with_block_leaves_alone_what_others_use(home: Path) -> None:
    other = ManagedLLM(idle_timeout="10m", max_tokens=2, progress="off")
    other.invoke("hello")
    with ManagedLLM(idle_timeout="10m", max_tokens=2, progress="off") as llm:
        llm.invoke("hello")
    assert other.resource.status().phase == "ready"
    assert scenes.hosts_started(home) == 1
    assert other.resource.stop().phase == "cold"


class Clock:
    """A wall clock that jumps as a machine's does that slept."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Seat(Host):
    """A host whose engine says what the test says."""

    said: float | None = -math.inf

    def used(self) -> float | None:
        return self.clock.time() if self.said == 0 else self.said


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    clock = Clock()
    registry = MemoryRegistry()
    life = Life(1, spec_of("model", "k", {}), {"run": "r"}, "ready", used_until=clock.now + 60)
    assert registry.swap(Slot("k"), Slot("k", next_gen=2, lives=(life,)))
    return Seat(RunDir(tmp_path), {"slot": "k", "gen": 1}, registry, clock)


def test_a_machine_that_slept_for_hours_keeps_an_engine_with_an_open_call(seat: Seat) -> None:
    assert isinstance(seat.clock, Clock)
    seat.said = 0  # open now
    seat.clock.now += 8 * 3600
    for _ in range(5):
        assert not seat._over()
    seat.said = -math.inf
    assert [seat._over() for _ in range(3)][-1]


def test_an_engine_that_does_not_answer_counts_as_busy(seat: Seat) -> None:
    assert isinstance(seat.clock, Clock)
    seat.said = None
    seat.clock.now += 8 * 3600
    assert not any(seat._over() for _ in range(5))


def test_a_host_whose_registry_was_lost_ends_once_it_is_quiet(seat: Seat) -> None:
    seat.registry = MemoryRegistry()
    seat.said = 0
    assert not seat._over()
    seat.said = -math.inf
    assert seat._over()


def test_a_slot_of_a_newer_version_is_spared_by_its_host(seat: Seat) -> None:
    slot = seat.registry.read("k")
    assert seat.registry.swap(slot, replace(slot, schema=99, lives=()))
    assert isinstance(seat.clock, Clock)
    seat.clock.now += 8 * 3600
    assert not any(seat._over() for _ in range(5))


def test_a_host_obeys_a_row_that_says_deleting_but_lets_open_calls_end(seat: Seat) -> None:
    slot = seat.registry.read("k")
    dying = replace(slot.lives[0], phase="deleting", worker="reaper", worker_until=9e9)
    assert seat.registry.swap(slot, slot.with_life(dying))
    seat.said = 0
    assert not seat._over()
    seat.said = -math.inf
    assert seat._over()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, None),
        ((503, ""), None),
        ((200, "llamacpp:requests_processing 0\nllamacpp:requests_deferred 0\n"), -math.inf),
        ((200, "llamacpp:requests_processing 1\nllamacpp:requests_deferred 0\n"), 5.0),
        ((200, "llamacpp:requests_processing 0\nllamacpp:requests_deferred 3\n"), 5.0),
        ((200, "llamacpp:requests_processing NaN\nllamacpp:requests_deferred 0\n"), None),
        ((200, "llamacpp:requests_processing x\n"), None),
        ((200, "llamacpp:requests_processing 0\n"), None),
    ],
)
def test_what_cannot_be_read_is_unknown(answer: Any, expected: float | None) -> None:
    assert open_calls(answer, 5.0) == expected


def test_the_host_imports_little() -> None:
    code = "import sys, llmanager_sdk.local.host; print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = ("numpy", "langchain_core", "pydantic", "lancedb", "xllamacpp", "urllib3", "asyncio")
    assert not [name for name in heavy if f"'{name}'" in out.stdout]
