"""Random inventories whose signals are missing, NaN, of the future, malformed or unreadable.

Each holds lives that nobody wants any more, so that only the signal stands between them and
deletion; one life with a sound signal, which must go, so that a sweep that does nothing is no
answer; and resources of others, tagged and untagged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, NamedTuple

from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import PHASES, Life, Seen, Slot, Spec, Timing
from llmanager_sdk.core.sweep import Cleaner, sweep
from llmanager_sdk.errors import ResourceError
from llmanager_sdk.registry.memory import MemoryRegistry
from llmanager_sdk.testing.clock import VirtualClock, World

NOW = 2_000_000.0
TIMING = Timing(3600.0, 600.0, 120.0, 300.0, False)


def _raises(error: Exception) -> Any:
    return error


SIGNALS: tuple[Any, ...] = (
    None,
    math.nan,
    math.inf,
    NOW + 86400.0,
    "2026-11-24T11:00:00Z",
    "",
    {"Datapoints": []},
    [],
    object(),
    1j,
    ResourceError("access denied"),
    TimeoutError("no answer"),
    KeyError("Timestamp"),
)
"""What a platform may say of the last use; an error is raised."""

STATES: tuple[Any, ...] = (
    Seen.UNKNOWN,
    ResourceError("throttled"),
    ValueError("not JSON"),
    ConnectionError("reset"),
)
"""What a look may bring instead of an answer."""


class Findings(NamedTuple):
    """What all inventories showed.

    Attributes:
        lives: how many lives had an unsound signal.
        deleted: how many of those were deleted or condemned. The bound is 0.
        controls: how many lives had a sound signal and were to go.
        gone: how many of those went.
        strangers: how many resources of others there were.
        touched: how many of those were touched. The bound is 0.
    """

    inventories: int
    lives: int
    deleted: int
    controls: int
    gone: int
    strangers: int
    touched: int


class _Kind:
    """A platform that says what it was told to say, and remembers what it was asked to delete."""

    timing = TIMING

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}
        self.used: dict[str, Any] = {}
        self.others: list[dict[str, str]] = []
        self.deleted: list[str] = []

    def list(self, namespace: str) -> Iterator[Mapping[str, str]]:
        """All names under the tag, others' too."""
        yield from ({"endpoint": name} for name in self.seen)
        yield from self.others

    def observe(self, life: Life) -> Seen:
        """As told; ABSENT once deleted."""
        name = life.names["endpoint"]
        return Seen.ABSENT if name in self.deleted else _said(self.seen[name])

    def used_outside(self, life: Life) -> float | None:
        """As told."""
        return _said(self.used[life.names["endpoint"]])

    def delete(self, life: Life) -> None:
        """Remembered."""
        self.deleted.append(life.names["endpoint"])


def _said(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


def survey(count: int, seed: int = 0) -> Findings:
    """Sweep so many random inventories three times each."""
    random = Random(seed)
    total = [0] * 6
    for _ in range(count):
        total = [a + b for a, b in zip(total, _one(random), strict=True)]
    return Findings(count, *total)


def _one(random: Random) -> list[int]:
    kind, registry = _Kind(), MemoryRegistry()
    names = [_unsound(random, kind, registry, n) for n in range(random.randint(1, 8))]
    control = _put(kind, registry, "control", "ready", Seen.READY, -math.inf)
    strangers = random.randint(0, 5)
    kind.others = [{"endpoint": f"theirs-{n}"} for n in range(strangers)]
    untagged = [f"nobody-{n}" for n in range(random.randint(0, 5))]
    clock = VirtualClock(World(NOW), random.uniform(-60.0, 60.0))
    cleaner: Cleaner[Any] = Cleaner(registry, {"thing": kind}, clock, me="reaper")
    phases = {slot.key: slot.lives[0].phase for slot in registry.scan().slots}
    for _ in range(3):
        report = run(sweep(cleaner, "sim"), clock)
        clock.sleep(300.0)
    after = {slot.key: slot.lives[0].phase for slot in registry.scan().slots}
    hurt = {name for name in names if name in kind.deleted or phases[name] != after[name]}
    foreign = {text for each in kind.others for text in each.values()} | set(untagged)
    touched = len(foreign & set(kind.deleted))
    touched += report.rowless != kind.others
    gone = control in kind.deleted and after[control] == "gone"
    return [len(names), len(hurt), 1, int(gone), len(foreign), touched]


def _unsound(random: Random, kind: _Kind, registry: MemoryRegistry, number: int) -> str:
    """A life that nobody wants, with a signal that says nothing."""
    if random.random() < 0.5:
        signal = random.choice(SIGNALS)
        return _put(kind, registry, f"k{number}", "ready", Seen.READY, signal)
    phase = random.choice(PHASES)
    used = random.choice((*SIGNALS, -math.inf))
    return _put(kind, registry, f"k{number}", phase, random.choice(STATES), used)


def _put(kind: _Kind, registry: MemoryRegistry, key: str, phase: Any, seen: Any, used: Any) -> str:
    spec = Spec("thing", key, {}, "d")
    life = Life(1, spec, {"endpoint": key}, phase, used_until=1.0, worker="x", gone_at=NOW - 9.0)
    assert registry.swap(Slot(key), Slot(key, next_gen=2, lives=(life,)))
    kind.seen[key], kind.used[key] = seen, used
    return key
