"""A run as lines that a person can read: when, who, what, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.testing.faults import Fault
from llmanager_sdk.testing.tasks import Event

START = 1_000_000.0
"""When a world begins."""


def lines(events: Iterable[Event]) -> Iterator[str]:
    """One line an event; times count from the start of the run, in seconds."""
    for event in events:
        when = f"{event.at - START:10.2f}"
        value = event.value
        if isinstance(value, Fault):
            yield f"{when}  {event.who:<18} {event.what} (size {value.size:.2f})"
        else:
            answer = text(value)
            yield f"{when}  {event.who:<18} {event.what}{' -> ' if answer else ''}{answer}"


def text(value: Any) -> str:
    """An answer in a few words; empty where there is nothing to tell."""
    if value is None:
        return ""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, LLManagerError):
        return f"error: {value.message}"
    if hasattr(value, "lives"):
        return slot(value)
    if hasattr(value, "slots") and hasattr(value, "cursor"):
        return "; ".join(slot(each) for each in value.slots) or "no rows"
    if isinstance(value, list):
        return ", ".join(name for names in value for name in names.values()) or "nothing"
    if hasattr(value, "process") and hasattr(value, "end"):
        return f"open until {value.end - START:.2f}"
    return str(value)


def slot(it: Any) -> str:
    """A slot: its revision and its lives."""
    return f"rev {it.rev} [{', '.join(life(each) for each in it.lives)}]"


def life(it: Any) -> str:
    """A life: generation, digest, phase, and the deadlines that are set."""
    marks = [f"{it.gen} {it.spec.digest} {it.phase}"]
    if held := it.held_until():
        marks.append(f"held to {held - START:.0f}")
    if it.worker:
        marks.append(f"{it.worker} to {it.worker_until - START:.0f}")
    if it.stop:
        drain = f"{it.drain_until - START:.0f}" if it.drain_until else "?"
        marks.append(f"{'forced ' if it.force else ''}stop, drained at {drain}")
    return " ".join(marks)
