"""What may happen to an actor at a point, and who chooses: a seed, a script, nobody.

A call to the outside has two points at which the scheduler asks: "issue", before its effect, and
"answer", between its effect and its caller. Each question has a number, so that a run is given
back by a seed, or by a script of the few points at which something happens (`Scripted`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple


class Fault(NamedTuple):
    """One thing that happens at a point.

    Attributes:
        kind: "wait" (seconds), "edge" (until just before or after a deadline), "long" (minutes
            to hours), "nap" (the whole process, as a laptop that sleeps), "crash", "refuse" (an
            error, no effect), "ghost" (an error, and the effect comes later), "lose" (the effect,
            and an error).
        size: how much of it, from 0 to 1.
    """

    kind: str
    size: float


ISSUE, ANSWER = 0, 1
POINTS = ("issue", "answer")
KINDS: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("wait", "edge", "long", "nap", "crash", "refuse", "ghost"),
    ("wait", "edge", "long", "nap", "crash", "lose"),
)
WEIGHTS = {
    "wait": 6,
    "edge": 5,
    "long": 2,
    "nap": 1,
    "crash": 2,
    "refuse": 2,
    "ghost": 2,
    "lose": 2,
}

Chooser = Callable[[int], Fault | None]
"""Asked at each point with ISSUE or ANSWER."""


class Seeded:
    """Faults at random. One draw a point, whatever happens there, so that a run can be shrunk.

    Args:
        random: where the draws come from; it also fixes, once, how hostile this run is and which
            faults it has, since a run with few kinds of faults goes deeper than one with all.
        only: the points at which a fault may happen; all by default.
    """

    def __init__(self, random: Random, only: frozenset[int] | None = None) -> None:
        self._draw = random.random
        self._only = only
        self._asked = 0
        self.rate = (0.004, 0.015, 0.04, 0.1)[int(random.random() * 4)]
        bag: tuple[list[str], list[str]] = ([], [])
        for point in (ISSUE, ANSWER):
            for kind in KINDS[point]:
                if random.random() < 0.75:
                    bag[point].extend([kind] * WEIGHTS[kind])
            if not bag[point]:
                bag[point].append("edge")
        self._bag = bag
        self.script: dict[int, Fault] = {}

    def __call__(self, point: int) -> Fault | None:
        """The fault of the next point."""
        number = self._asked
        self._asked = number + 1
        draw = self._draw()
        if draw >= self.rate or (self._only is not None and number not in self._only):
            return None
        bag = self._bag[point]
        place = draw / self.rate * len(bag)
        fault = self.script[number] = Fault(bag[int(place)], place - int(place))
        return fault


class Scripted:
    """The faults of a script: the number of a point -> what happens there."""

    def __init__(self, script: Mapping[int, Fault]) -> None:
        self.script = dict(script)
        self.asked: list[int] = []

    def __call__(self, point: int) -> Fault | None:
        """The fault of the next point."""
        number = len(self.asked)
        self.asked.append(point)
        fault = self.script.get(number)
        return fault if fault is not None and fault.kind in KINDS[point] else None


def calm(point: int) -> Fault | None:
    """Nothing happens."""
    return None
