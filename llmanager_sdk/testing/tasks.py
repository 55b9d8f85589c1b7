"""What the scheduler moves: processes, and the generators of effects that run in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from llmanager_sdk.testing.clock import VirtualClock
from llmanager_sdk.testing.faults import ANSWER

NAMES = (
    "read",
    "swap",
    "scan",
    "observe",
    "used_outside",
    "list",
    "create",
    "finish",
    "why",
    "delete",
    "call",
)
CODES = {name: number for number, name in enumerate(NAMES)}
REGISTRY = {"read", "swap", "scan"}


class Process:
    """Something that crashes as a whole: its clock, its tasks, what it remembers."""

    def __init__(self, name: str, clock: VirtualClock) -> None:
        self.name = name
        self.clock = clock
        self.alive = True
        self.asleep_until = 0.0
        self.told_error = 0.0  # when it was last told an error that a fault made

    def __repr__(self) -> str:
        return f"<process {self.name}>"


class Task:
    """One generator of a process, and where it stands."""

    __slots__ = (
        "decided",
        "effect",
        "error",
        "name",
        "number",
        "process",
        "result",
        "stage",
        "steps",
    )

    def __init__(self, number: int, name: str, process: Process, steps: Iterator[Any]) -> None:
        self.number = number
        self.name = name
        self.process = process
        self.steps: Any = steps
        self.stage = ANSWER
        self.decided = True
        self.effect: Any = None
        self.result: Any = None
        self.error: Exception | None = None


class Event(NamedTuple):
    """A line of the timeline.

    Attributes:
        at: true time.
        who: process and task.
        what: the effect, or the fault and where it struck.
        value: the answer, an error, or None.
    """

    at: float
    who: str
    what: str
    value: Any = None
