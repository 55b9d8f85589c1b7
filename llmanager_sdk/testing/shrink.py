"""From a seed that breaks an invariant to the few faults and actors that it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.simulation import Outcome, simulate

T = TypeVar("T")

ACTORS = 8
"""More than take part in any run."""


@dataclass(frozen=True)
class Shrunk:
    """What is left of a failing seed.

    Attributes:
        cast: the numbers of the actors that it takes.
        only: the points at which faults strike.
        outcome: that run, with its timeline.
        tried: how many runs it took to find.
    """

    seed: int
    cast: frozenset[int]
    only: frozenset[int]
    outcome: Outcome
    tried: int


def shrink(seed: int, code: Code | None = None) -> Shrunk | None:
    """Take actors and faults away while the same invariant breaks; None if none does."""
    code = code or Code()
    whole = simulate(seed, code)
    if whole.violation is None:
        return None
    name, tried = whole.violation.name, 1

    def breaks(cast: Sequence[int], only: Sequence[int] | None) -> Outcome | None:
        nonlocal tried
        tried += 1
        points = None if only is None else frozenset(only)
        run = simulate(seed, code, cast=frozenset(cast), only=points)
        return run if run.violation is not None and run.violation.name == name else None

    cast = least(range(ACTORS), lambda chosen: breaks(chosen, None) is not None)
    struck = breaks(cast, None)
    assert struck is not None
    only = least(sorted(struck.script), lambda chosen: breaks(cast, chosen) is not None)
    outcome = simulate(seed, code, cast=frozenset(cast), only=frozenset(only), timeline=True)
    return Shrunk(seed, frozenset(cast), frozenset(only), outcome, tried)


def least(items: Sequence[T], holds: Callable[[list[T]], bool]) -> list[T]:
    """A small part of `items` for which `holds` still holds, as it does for all of them.

    Takes away halves, then smaller pieces, down to single items (Zeller's ddmin without its
    complements, which are what is kept here).
    """
    kept, size = list(items), max(len(items) // 2, 1)
    while size:
        start = 0
        while start < len(kept):
            rest = kept[:start] + kept[start + size :]
            if holds(rest):
                kept = rest
            else:
                start += size
        size //= 2
    return kept
