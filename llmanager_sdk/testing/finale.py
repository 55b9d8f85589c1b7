"""The end of every run: who may have a resource gets it, and then everything goes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llmanager_sdk.errors import SpecChanged, StartFailed
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.invariants import Violation
from llmanager_sdk.testing.stage import KEY, Stage

SWEEP = 300.0
"""Between two sweeps of the last reaper, in seconds."""
SWEEPS = 3
"""After so many sweeps everything that may go is gone; one more where a stop was not seen yet."""
APART = 120.0
"""Two clocks may differ by so much."""


def settled_at(stage: Stage) -> float:
    """When the last recorded deadline, change of state, call and late effect are over."""
    resources = list(stage.kind.resources.values())
    states = [it.until for it in resources if it.endpoint]
    calls = [call.end for it in resources for call in stage.kind.open_calls(it)]
    return max([stage.world.now, *stage.deadlines(), *states, *calls, *stage.scheduler.late])


def last_client(stage: Stage, skew: float) -> None:
    """Somebody wants it and nothing goes wrong any more: it is to be had within a bound.

    Raises:
        Violation: "denied".
    """
    timing, world = stage.timing, stage.world
    want = stage.code.Want(stage.specs[0], 60.0)
    client, reaper = Actor(stage, "last", skew), Actor(stage, "reaper")
    got: list[float] = []

    def play() -> Iterator[Any]:
        while not got:
            try:
                yield from client.engine.ensure(want)
                got.append(world.now)
            except (SpecChanged, StartFailed) as error:
                wait = getattr(error, "retry_after_s", 0.0)
                yield stage.code.Sleep(wait + timing.poll)

    settled = settled_at(stage)
    bound = settled + APART + 3 * timing.margin + timing.worker + timing.drain + timing.max_call
    bound += stage.nature.start[1] + 2 * stage.nature.going + timing.backoff_max + SWEEPS * SWEEP
    stage.scheduler.start("last", client, play())
    stage.scheduler.start("reaper", reaper, reaper.reap(SWEEP))
    while not got and world.now < bound:
        stage.scheduler.run(min(world.now + 60.0, bound))
    if not got:
        slot = stage.registry.slots.get(KEY)
        raise Violation("denied", f"{bound - settled:.0f} s after the last deadline: {slot}")
    stage.scheduler.end([client, reaper])


def everything_goes(stage: Stage, skew: float) -> None:
    """Nobody wants anything: so many sweeps after the last deadline nothing is left.

    Raises:
        Violation: "leak", "stranger".
    """
    timing = stage.timing
    # A write that comes late may record a deadline of its own.
    stage.scheduler.run(max([stage.world.now, *stage.scheduler.late]))
    stage.scheduler.run(settled_at(stage) + APART / 2 + timing.margin + 1.0)
    unseen = any(x.stop and not x.drain_until and x.phase == "ready" for x in stage.lives())
    sweeps = SWEEPS + unseen
    reaper, reports = Actor(stage, "reaper", skew), []

    def play() -> Iterator[Any]:
        while True:
            reports.append((yield from stage.code.sweep(reaper.engine, "sim")))
            yield stage.code.Sleep(SWEEP)

    stage.scheduler.start("reaper", reaper, play())
    stage.scheduler.run(stage.world.now + SWEEP * (sweeps - 1) + 1.0)
    there = [f"{it.names} {it.endpoint}" for it in stage.kind.resources.values()]
    rows = [f"life {life.gen} {life.phase}" for life in stage.lives() if life.phase != "gone"]
    if there or rows:
        raise Violation("leak", f"after {sweeps} sweeps: {there + rows}")
    if reports[-1].rowless != stage.nature.foreign:
        raise Violation("stranger", f"the sweep listed {reports[-1].rowless}")
    stage.scheduler.end([reaper])


def tombstones_go(stage: Stage, skew: float) -> None:
    """A month later not even the tombstones are left, and generations still count on.

    Raises:
        Violation: "leak", "phase".
    """
    before = {key: slot.next_gen for key, slot in stage.registry.slots.items()}
    stage.world.now += stage.timing.tombstone + 4 * SWEEP + APART
    reaper = Actor(stage, "reaper", skew)
    stage.scheduler.start("reaper", reaper, reaper.reap(SWEEP))
    stage.scheduler.run(stage.world.now + 1.0)
    if left := list(stage.lives()):
        raise Violation("leak", f"{len(left)} tombstones were kept")
    if before != {key: slot.next_gen for key, slot in stage.registry.slots.items()}:
        raise Violation("phase", "a slot forgot how many lives it had")
