"""Thirty days of fifty resources with the defaults of a cloud: what idle costs, and for how long.

And ten thousand lives in one registry: what a sweep of them takes, and that it survives its own
time limit.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any, NamedTuple

from llmanager_sdk.core.drivers import Sleep
from llmanager_sdk.core.life import Life, Slot, Timing
from llmanager_sdk.core.sweep import sweep
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.cloud import Nature, Resource
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.stage import KIND, Stage, hushed

DAY = 86400.0
SWEEP = 300.0
TIMING = Timing(3600.0, 600.0, 120.0, 300.0, False, poll=10.0)
"""The defaults on aws."""


@dataclass
class Month:
    """What the month showed, in seconds.

    Attributes:
        lives: how many resources came and went.
        late: the longest time from a resource's last use to its deletion, less what is promised
            (idle timeout, margin, one sweep). The bound is 0.
        sweeps_to_gone: the most sweeps from the deletion to the slot that says so. The bound is 3.
        left: what still exists at the end. The bound is 0.
        calls: how many calls were answered.
        sweeps: how many sweeps there were.
    """

    lives: int = 0
    late: float = -1e9
    sweeps_to_gone: int = 0
    left: int = 0
    calls: int = 0
    sweeps: int = 0


def month(days: int = 30, resources: int = 50, seed: int = 0) -> Month:
    """Live through it."""
    random, code, found = Random(seed), Code(), Month()
    nature = Nature(start=(200.0, 500.0), going=180.0)
    stage = Stage(code, TIMING, nature=nature, random=random)
    diary = _Diary(stage)
    end = stage.world.now + days * DAY
    for number in range(resources):
        spec = code.Spec(KIND, f"k{number:02}", {}, "d")
        wish = code.Want(spec, random.choice((900.0, 3600.0, 7200.0)))
        actor = Actor(stage, "client")
        stage.scheduler.start("calls", actor, diary.live(actor, wish, random, end))
    reaper = Actor(stage, "reaper")
    stage.scheduler.start("reaper", reaper, diary.reap(reaper))
    with hushed():
        stage.scheduler.run(end + 4 * 7200.0)
    found.left = len(stage.kind.resources)
    found.left += sum(life.phase != "gone" for life in stage.lives())
    found.calls, found.sweeps = stage.calls, len(diary.sweeps)
    for mark, deleted in diary.deleted.items():
        used, idle = diary.used[mark]
        found.lives += 1
        found.late = max(found.late, deleted - used - idle - TIMING.margin - SWEEP)
        later = sum(deleted < at <= diary.gone[mark] for at in diary.sweeps)
        found.sweeps_to_gone = max(found.sweeps_to_gone, later)
    return found


class _Diary:
    """When each life was last used, deleted, and found gone."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.used: dict[tuple[str, int], tuple[float, float]] = {}
        self.deleted: dict[tuple[str, int], float] = {}
        self.gone: dict[tuple[str, int], float] = {}
        self.sweeps: list[float] = []
        watch, call = stage.watch, stage.kind.call
        deleting, swapped = watch.deleting, watch.swapped

        def note_deletion(life: Any, it: Resource) -> None:
            deleting(life, it)
            self.deleted.setdefault((life.spec.key, life.gen), stage.world.now)

        def note_write(old: Any, new: Any) -> None:
            swapped(old, new)
            for life in new.lives:
                if life.phase == "gone":
                    self.gone.setdefault((new.key, life.gen), stage.world.now)

        def note_call(life: Any, process: Any, end: float, excused: bool) -> Any:
            made = call(life, process, end, excused)
            if made is not None:
                mark = life.spec.key, life.gen
                self.used[mark] = end, process.idle
            return made

        watch.deleting, watch.swapped = note_deletion, note_write  # type: ignore[method-assign]
        stage.kind.call = note_call  # type: ignore[method-assign]

    def live(self, actor: Actor, wish: Any, random: Random, end: float) -> Iterator[Any]:
        """Bursts of calls, some hours apart."""
        actor.idle = wish.idle  # type: ignore[attr-defined]
        while True:
            gap = random.expovariate(1 / (8 * 3600.0))
            if self.stage.world.now + gap > end:
                return
            yield Sleep(gap)
            for _ in range(random.randint(1, 3)):
                yield from actor.call(wish, random.uniform(1.0, 300.0))
                yield Sleep(random.uniform(0.0, 120.0))

    def reap(self, actor: Actor) -> Iterator[Any]:
        """The reaper, every five minutes."""
        while True:
            self.sweeps.append(self.stage.world.now)
            yield from sweep(actor.engine, "sim")
            yield Sleep(SWEEP)


class Load(NamedTuple):
    """What one sweep of many lives takes.

    Attributes:
        effects: calls to registry and platform.
        peak: the most memory it took, the rows that it wrote included, in bytes.
        rounds: how many rounds it took under its time limit.
        left: lives that are not gone at the end.
    """

    lives: int
    effects: int
    peak: int
    rounds: int
    left: int


def load(lives: int, *, limit: float = 1e18) -> Load:
    """Sweep so many lives that nobody wants, each call taking 20 ms, `limit` seconds a round."""
    code = Code()
    stage = Stage(code, TIMING, nature=Nature(going=0.0))
    _fill(stage, lives)
    reaper = Actor(stage, "reaper")
    effects = rounds = 0
    cursor = ""
    tracemalloc.start()
    while True:
        steps = sweep(reaper.engine, "sim", cursor=cursor, until=stage.world.now + limit)
        spent, report = _drive(steps, stage)
        effects, rounds, cursor = effects + spent, rounds + 1, report.cursor
        if not cursor:
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    left = sum(life.phase != "gone" for life in stage.lives())
    return Load(lives, effects, peak, rounds, left)


def _fill(stage: Stage, lives: int) -> None:
    stage.warm(0.0)
    (pattern,) = stage.lives()
    stage.registry.slots.clear()
    stage.kind.resources.clear()
    for number in range(lives):
        spec = pattern.spec._replace(key=f"k{number:06}")
        names = {part: f"{part}-{number:06}" for part in pattern.names}
        life: Life = replace(pattern, spec=spec, names=names)
        stage.registry.slots[spec.key] = Slot(spec.key, 1, next_gen=2, lives=(life,))
        it = stage.kind.resources[names["endpoint"]] = Resource(names, 1)
        it.config, it.endpoint = True, "ready"
    stage.world.now += DAY


def _drive(steps: Any, stage: Stage) -> tuple[int, Any]:
    count, effect = 0, next(steps)
    try:
        while True:
            count += 1
            stage.world.now += 0.02
            effect = steps.send(effect.call())
    except StopIteration as done:
        return count, done.value
