"""Small cases in full: every fault at every point, alone and in pairs, without luck.

The random search of `simulation` goes deep, and may miss what is near. Here two clients and one
reaper meet in a handful of situations; each point of each run is struck by each fault in turn, at
most one of them a crash, and each run that such a fault makes is explored in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.cloud import Nature
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.faults import KINDS, Chooser, Fault, Scripted, calm
from llmanager_sdk.testing.finale import everything_goes
from llmanager_sdk.testing.invariants import Violation
from llmanager_sdk.testing.simulation import AWS
from llmanager_sdk.testing.stage import KEY, Stage, hushed


def _held_up(seconds: float) -> Fault:
    return Fault("long", math.log(seconds / 60.0) / math.log(200.0))


FAULTS: tuple[Fault, ...] = (
    Fault("crash", 1.0),
    _held_up(61.0),
    _held_up(185.0),
    _held_up(600.0),
    Fault("lose", 0.9),
    Fault("ghost", math.log(900.0) / math.log(7200.0)),
)
"""What strikes: a crash for good; held up for as long as knowledge, a claim, everything lasts; an
error after the effect; an error, and the effect a quarter of an hour later."""


class Case(NamedTuple):
    """A situation.

    Attributes:
        means: what it is about, for people.
        seconds: how long it goes on.
        play: starts its actors.
    """

    name: str
    means: str
    seconds: float
    play: Callable[[Stage], None]


@dataclass
class Found:
    """What exploring showed.

    Attributes:
        runs: how many there were.
        script: the faults of the first run that broke an invariant; None if none did.
        case: its case.
        violation: what it broke.
    """

    runs: int = 0
    script: dict[int, Fault] | None = None
    case: str = ""
    violation: Violation | None = None


def explore(code: Code, depth: int, cases: tuple[Case, ...] | None = None) -> Found:
    """Try all combinations of at most `depth` faults in each case, until an invariant breaks."""
    found = Found()
    with hushed():
        for case in cases or CASES:
            for script, violation in _runs(case, code, depth):
                found.runs += 1
                if violation is not None:
                    found.script, found.case, found.violation = script, case.name, violation
                    return found
    return found


def _runs(
    case: Case, code: Code, depth: int, script: dict[int, Fault] | None = None
) -> Iterator[tuple[dict[int, Fault], Violation | None]]:
    script = script or {}
    chooser = Scripted(script)
    violation = run(case, code, chooser)
    yield script, violation
    if violation is not None or len(script) >= depth:
        return
    crashed = any(fault.kind == "crash" for fault in script.values())
    for number in range(max(script, default=-1) + 1, len(chooser.asked)):
        for fault in FAULTS:
            if fault.kind not in KINDS[chooser.asked[number]]:
                continue
            if not (crashed and fault.kind == "crash"):
                yield from _runs(case, code, depth, {**script, number: fault})


def run(case: Case, code: Code, choose: Chooser, *, timeline: Any = None) -> Violation | None:
    """Play a case once."""
    timing = code.Timing(**{**AWS, "max_call": 40.0})
    nature = Nature(start=(60.0, 60.0), going=20.0)
    stage = Stage(code, timing, nature=nature, choose=choose)
    stage.scheduler.timeline = timeline
    case.play(stage)
    try:
        stage.scheduler.run(stage.world.now + case.seconds)
        stage.scheduler.choose = calm
        stage.scheduler.end(stage.members)
        everything_goes(stage, 0.0)
    except Violation as broken:
        return broken
    return None


# -- the cases -----------------------------------------------------------------------------------


def _enter(stage: Stage, role: str, skew: float, *play: tuple[float, Any]) -> None:
    """Somebody who does each thing at its time, counted from the start."""
    actor = Actor(stage, role, skew)
    steps, last = [], 0.0
    for at, act in play:
        steps.append((at - last, False, act))
        last = at
    stage.scheduler.start(role, actor, actor.script(steps))


def _reaper(stage: Stage, skew: float, after: float, every: float) -> None:
    actor = Actor(stage, "reaper", skew)
    stage.scheduler.start("reaper", actor, actor.reap(every), after)


def _call(stage: Stage, idle: float = 60.0, seconds: float = 40.0, **more: Any) -> Any:
    want = stage.code.Want(stage.specs[0], idle, **more)
    return lambda actor: actor.call(want, seconds)


def _cold(stage: Stage) -> None:
    _enter(stage, "client", 60.0, (0.0, _call(stage)))
    _enter(stage, "client", -60.0, (1.0, _call(stage, idle=120.0)))
    _reaper(stage, 60.0, 150.0, 150.0)


def _ending(stage: Stage) -> None:
    stage.warm(30.0)
    _enter(stage, "client", -60.0, (10.0, _call(stage)), (85.0, _call(stage)))
    _enter(stage, "client", 60.0, (200.0, _call(stage)))
    _reaper(stage, 60.0, 88.0, 100.0)


def _stopped(stage: Stage) -> None:
    stage.warm(300.0)
    _enter(stage, "client", -60.0, (0.0, _call(stage, seconds=5.0)), (50.0, _call(stage)))
    _enter(stage, "client", 0.0, (20.0, lambda actor: actor.stop(KEY)))
    _reaper(stage, 60.0, 51.0, 60.0)


def _alone(stage: Stage) -> None:
    _enter(stage, "client", 0.0, (0.0, _call(stage, idle=600.0, seconds=5.0)), (100.0, _stop))
    _enter(stage, "client", 0.0, (90.0, _call(stage)))


def _stop(actor: Actor) -> Iterator[Any]:
    return actor.stop(KEY)


def _replaced(stage: Stage) -> None:
    stage.warm(200.0)
    new = stage.code.Want(stage.specs[1], 60.0, replace=True)
    old = stage.code.Want(stage.specs[0], 60.0, replace=True)
    stage.watch.replacing = True
    _enter(stage, "client", 0.0, (0.0, lambda actor: actor.engine.ensure(new)))
    _enter(stage, "client", 0.0, (90.0, lambda actor: actor.engine.ensure(old)))
    _reaper(stage, 0.0, 300.0, 150.0)


CASES: tuple[Case, ...] = (
    Case("cold", "two clients use what does not exist", 500.0, _cold),
    Case("ending", "a lease runs out while a client comes back", 400.0, _ending),
    Case("stopped", "one stops what another is calling", 400.0, _stopped),
    Case("alone", "who made it stops it while another calls it", 300.0, _alone),
    Case("replaced", "two clients each put their spec in the other's place", 600.0, _replaced),
)
