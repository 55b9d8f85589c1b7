"""How a promise is checked: a function under `@check` that yields `Line`s."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One row of the table.

    Attributes:
        claim: what is promised, in a few words.
        command: what a reader runs to get the figure again.
        measured: the figure, with its unit.
        bound: what it must be.
        ok: whether it is. A figure that this machine cannot show is a miss, with its reason.
    """

    claim: str
    command: str
    measured: str
    bound: str
    ok: bool


Check = Callable[[], Iterator[Line]]
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Check], Check]:
    """Register a check under the number of its promise, such as "local-5"."""

    def register(function: Check) -> Check:
        assert name not in CHECKS, f"two checks are called {name}"
        CHECKS[name] = function
        return function

    return register
