"""One schedule: a seed makes the platform, the cast, and what strikes them.

`simulate` plays it, lets everybody go, and checks that everything went. `docs/reliability.md` has
what this shows and what it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from llmanager_sdk.testing.cast import Cast
from llmanager_sdk.testing.cloud import Nature
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.faults import Fault, Seeded
from llmanager_sdk.testing.finale import everything_goes, last_client, tombstones_go
from llmanager_sdk.testing.invariants import Violation
from llmanager_sdk.testing.stage import Stage, hushed
from llmanager_sdk.testing.tasks import Event

POINTS = 700
"""The most points at which a fault may strike in one run."""

AWS: Mapping[str, Any] = {
    "idle": 300.0,
    "max_call": 100.0,
    "margin": 120.0,
    "worker": 200.0,
    "sees_open_calls": False,
    "poll": 20.0,
    "creation": 700.0,
    "backoff": 30.0,
    "backoff_max": 240.0,
}
"""Timing like a cloud's, its long times shortened in proportion."""
LOCAL: Mapping[str, Any] = {
    "idle": 120.0,
    "max_call": 0.0,
    "margin": 2.0,
    "worker": 5.0,
    "sees_open_calls": True,
    "poll": 1.0,
    "request": 2.0,
    "creation": 60.0,
    "drain": 0.0,
    "backoff": 1.0,
    "backoff_max": 60.0,
}
"""Timing like one machine's, with a host that counts its open calls."""


@dataclass
class Outcome:
    """What a run showed.

    Attributes:
        violation: the broken invariant, or None.
        trace: equal for equal runs.
        script: the faults that struck, by the number of their point.
        points: how many points there were.
        calls: how many calls were answered.
        moves: the phases that lives went through.
        crashes: what a process was doing when it crashed, and on which side of its effect.
        faults: what struck, how often.
        errors: which typed errors callers got.
        timeline: what happened, if it was asked for.
    """

    seed: int
    violation: Violation | None
    trace: int
    script: Mapping[int, Fault]
    points: int
    calls: int
    moves: Counter[tuple[str, str, str]]
    crashes: Counter[tuple[str, str]]
    faults: Counter[str]
    errors: Counter[str]
    timeline: list[Event] = field(default_factory=list)


def simulate(
    seed: int,
    code: Code | None = None,
    *,
    only: frozenset[int] | None = None,
    cast: frozenset[int] | None = None,
    timeline: bool = False,
) -> Outcome:
    """Run the schedule of a seed.

    Args:
        seed: everything that happens follows from it.
        code: the core to run; by default as installed.
        only: the points at which a fault may strike; all by default.
        cast: the numbers of the actors that take part; all by default.
        timeline: keep what happens, for people.
    """
    code = code or Code()
    random = Random(seed)
    local = random.random() < 0.3
    timing = code.Timing(**(LOCAL if local else AWS))
    if random.random() < 0.5 and not local:
        timing = replace(timing, max_call=40.0)
    chooser = Seeded(Random(seed ^ 0x5EED), only)
    stage = Stage(code, timing, nature=_nature(random, local), random=random, choose=chooser)
    if timeline:
        stage.scheduler.timeline = []
    players = Cast(stage, random, cast)
    with hushed():
        violation = _play(seed, stage, players)
    scheduler = stage.scheduler
    return Outcome(
        seed,
        violation,
        scheduler.trace,
        chooser.script,
        scheduler.points,
        stage.calls,
        stage.watch.moves,
        scheduler.crashes,
        scheduler.faults,
        stage.errors,
        scheduler.timeline or [],
    )


def _play(seed: int, stage: Stage, players: Cast) -> Violation | None:
    try:
        stage.scheduler.run(stage.world.now + players.span, POINTS)
        stage.scheduler.choose = _calm_down(stage)
        stage.scheduler.end(stage.members)
        if seed % 3 == 0:
            last_client(stage, players.skew())
        everything_goes(stage, players.skew())
        if seed % 5 == 0:
            tombstones_go(stage, players.skew())
    except Violation as broken:
        return broken
    except Exception as error:
        return Violation("raw error", repr(error))
    return None


def _calm_down(stage: Stage) -> Any:
    """From here on nothing goes wrong any more."""
    nature = stage.nature
    nature.fails = nature.refuses = nature.unknown = nature.stale = 0.0
    nature.flaky = nature.blind = 0.0
    return lambda point: None


def _nature(random: Random, local: bool) -> Nature:
    nature = Nature(foreign=[{"endpoint": "somebody-elses"}])
    if local:
        nature.start, nature.going = (0.5, 20.0), 0.0
    if random.random() < 0.3:
        nature.fails = 0.3
    if random.random() < 0.2:
        nature.refuses = 0.3
    if random.random() < 0.3:
        nature.unknown = 0.1
    if random.random() < 0.3:
        nature.blind = 0.3
    # The data plane and the control plane may each be wrong, never both: two independent looks
    # that lie at once cannot be told from the truth.
    lie = random.random()
    if lie < 0.25:
        nature.flaky = 0.15
    elif lie < 0.5 and not local:
        nature.stale = 0.05
    return nature
