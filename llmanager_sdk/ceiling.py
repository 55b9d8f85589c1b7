"""The most that can be spent if everything but the reaper crashes now. Pure arithmetic.

Now every process that uses or creates resources stops, and sends nothing any more. What it wrote
into the registry has landed; a creation that it asked for may still take effect within
`Timing.request`. The reaper lives on: it visits every life once in `Assumed.sweep`, and of
`Assumed.visits` visits that could do something all but one may fail, one of them half-way.

For each life that costs something, or may come to cost something:

    price x (until it may be deleted + claims + visits + deleting)

    until it may be deleted   the latest of: its recorded deadlines and claims, each with the
                              margin twice (the reaper waits for one; clocks, the one this is
                              computed on included, differ by as much again); and what the
                              platform does not delete: a creation, an update
    claims                    a visit that fails half-way holds a claim that has to run out; so
                              may the visit before the platform allowed a deletion
    visits, deleting          as assumed

A life costs its worst price from its record on, whatever really runs. Nothing beyond is counted,
because nothing beyond can begin: a creation is recorded before it is asked for, and who could
still ask is gone. `docs/reliability.md` tells how this is checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from llmanager_sdk.core.life import SCHEMA, Life, Seen, Slot, Timing


def _never(life: Life) -> float:
    """The default of `Assumed.updating`."""
    return 0.0


@dataclass(frozen=True)
class Assumed:
    """What the sum takes for granted of a kind and of its reaper, in seconds.

    Attributes:
        creating: the longest that a life cannot be deleted after its creation was asked for.
        deleting: the longest that a deletion takes once it was accepted.
        updating: the longest that a ready life cannot be deleted because it changes by itself.
        sweep: between two visits of a life by the living reaper.
        visits: so many visits of a life that could do something, of which one succeeds.
    """

    timing: Timing
    creating: Callable[[Life], float]
    deleting: float
    updating: Callable[[Life], float] = _never
    sweep: float = 300.0
    visits: int = 3


class Word(Protocol):
    """What a reaper said: who it is, and until when it counts as alive."""

    @property
    def source(self) -> str:
        """Such as "lambda"."""

    @property
    def expires(self) -> float:
        """Seconds since the epoch."""


class Part(NamedTuple):
    """A term of the sum."""

    seconds: float
    why: str


class Line(NamedTuple):
    """What one life may still cost."""

    key: str
    gen: int
    phase: str
    price: float
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        """Until nothing of it is left."""
        return sum(part.seconds for part in self.parts)

    @property
    def amount(self) -> float:
        """In $."""
        return self.price * self.seconds / 3600


@dataclass(frozen=True)
class Ceiling:
    """The sum.

    Attributes:
        at: when it holds, seconds since the epoch.
        unbounded: why there is no ceiling, and how to mend it; empty if there is one.
        cap: the most that may be created, $/h.
        reapers: those that live, and for how long they are believed, in seconds.
    """

    at: float
    lines: tuple[Line, ...]
    unbounded: tuple[str, ...]
    cap: float
    reapers: tuple[tuple[str, float], ...]

    @property
    def total(self) -> float:
        """In $; infinite where something has no end."""
        return math.inf if self.unbounded else sum(line.amount for line in self.lines)

    @property
    def rate(self) -> float:
        """What all lines cost together, $/h."""
        return sum(line.price for line in self.lines)

    @property
    def seconds(self) -> float:
        """Until nothing is left."""
        if self.unbounded:
            return math.inf
        return max((line.seconds for line in self.lines), default=0.0)


def ceiling(
    slots: Iterable[Slot],
    beats: Sequence[Word],
    assumed: Mapping[str, Assumed],
    now: float,
    cap: float,
    *,
    seen: Mapping[tuple[str, int], Seen] | None = None,
    existing: Collection[tuple[str, str]] = (),
    unbounded: Sequence[str] = (),
) -> Ceiling:
    """Add it up.

    Args:
        slots: all of the namespace, read after the platform was listed.
        beats: what reapers said; one whose time is over does not count.
        assumed: by kind.
        now: this process's clock.
        cap: of the namespace, $/h.
        seen: looks at lives, by key and generation. A life that was not looked at may be in the
            middle of its creation.
        existing: (part, name) of all that the platform listed: a life that is gone and listed is
            up again.
        unbounded: what the caller knows to have no end, such as resources without a row.
    """
    lines: list[Line] = []
    endless = list(unbounded)
    for slot in slots:
        if slot.schema > SCHEMA:
            endless.append(f"{slot.key} was written by a newer llmanager-sdk: upgrade this one")
        for life in slot.lives:
            its = assumed.get(life.spec.kind)
            if its is None:
                if life.phase != "gone" and life.price:
                    endless.append(f"{slot.key}: no kind called {life.spec.kind!r} is known here")
                continue
            if not _may_cost(life, its.timing, existing, now):
                continue
            look = (seen or {}).get((slot.key, life.gen), Seen.UNKNOWN)
            parts = tuple(part for part in _parts(life, its, look, now) if part.seconds)
            lines.append(Line(slot.key, life.gen, life.phase, life.price, parts))
    living = tuple((beat.source, beat.expires - now) for beat in beats if beat.expires > now)
    if lines and not living:
        endless.insert(0, NOBODY)
    return Ceiling(now, tuple(lines), tuple(endless), cap, living)


NOBODY = "no reaper lives: run `llmanager deploy`, or `llmanager reap --watch` somewhere"


def _may_cost(
    life: Life, timing: Timing, existing: Collection[tuple[str, str]], now: float
) -> bool:
    """Whether it exists or may: a dead one if it is up again, or a request may bring it up."""
    if not life.price:
        return False
    if life.phase != "gone":
        return True
    late = now <= life.gone_at + timing.request + timing.margin
    return late or any(pair in existing for pair in life.names.items())


def _parts(life: Life, its: Assumed, look: Seen, now: float) -> Iterator[Part]:
    """The terms of one life, in the order of time."""
    timing = its.timing
    hold = timing.worker + 2 * timing.margin
    yield from max(_waits(life, its, look, now), key=_length, default=[])
    if life.phase != "gone":
        if not _settled(life, its, look):
            yield Part(hold, "a claim that a reaper took just before, and could not use")
        yield Part(hold, "the claim of a visit that fails half-way")
    yield Part(its.visits * its.sweep, f"{its.visits} sweeps, of which one succeeds")
    yield Part(its.deleting, "its deletion")


def _length(parts: Sequence[Part]) -> float:
    return sum(part.seconds for part in parts)


def _settled(life: Life, its: Assumed, look: Seen) -> bool:
    """Whether it can be deleted as soon as it may be: it is up, and nothing about it changes."""
    up = life.phase == "ready" and not life.stop and look in (Seen.READY, Seen.BROKEN)
    return up and not its.updating(life)


def _waits(life: Life, its: Assumed, look: Seen, now: float) -> Iterator[list[Part]]:
    """All that has to be over before it may be deleted; each may be in the past."""
    timing = its.timing

    def past(at: float, why: str) -> list[Part]:
        apart = Part(2 * timing.margin, "the margin, and clocks that differ by as much")
        left = at - now
        if left >= 0:
            return [Part(left, why), apart]
        return [Part(max(left + apart.seconds, 0.0), f"{why}, with the margin twice")]

    if life.phase in ("creating", "failed", "deleting"):
        yield past(life.worker_until, f"the claim of {life.worker or 'nobody'}")
    if life.phase == "creating" and not life.stop:
        yield past(life.held_until(), "its recorded deadline")
    if life.phase == "ready":
        if not life.stop:
            yield past(life.held_until(), "its recorded deadline")
            yield past(now + 2 * timing.linger, "a use that the platform still shows")
        elif life.drain_until:
            yield past(life.drain_until, "the end of open calls")
        else:
            drain = timing.drain + timing.max_call
            yield past(now + its.sweep + drain, "the sweep that sees its stop, and open calls")
    if not _settled(life, its, look):
        yield [
            Part(timing.request, "a request that is still on its way"),
            Part(max(its.creating(life), its.updating(life)), "in which nothing can be deleted"),
        ]
