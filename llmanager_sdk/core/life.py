"""What a resource's life is, and `decide`: the one function that says what may be deleted.

Pure; times are seconds since the epoch. `claims` has the other half: what clients do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal, NamedTuple

SCHEMA = 1  # of the slot's form; a newer one is spared and reported
REMEMBERED = 200  # characters of a dead life's error

Phase = Literal["creating", "ready", "failed", "deleting", "gone"]
PHASES: tuple[Phase, ...] = ("creating", "ready", "failed", "deleting", "gone")


class Seen(Enum):
    """What the platform says about a life."""

    ABSENT = 0  # every part is gone
    PENDING = 1  # in progress, and undeletable while it is
    READY = 2
    BROKEN = 3  # failed, or a part without the rest
    GOING = 4  # the platform says that it is being deleted
    UNKNOWN = 5  # no answer, or nonsense


class Spec(NamedTuple):
    """The identity of what is deployed: another digest, another life."""

    kind: str
    key: str
    body: Mapping[str, Any]
    digest: str


@dataclass(frozen=True)
class Timing:
    """The durations of one platform."""

    idle: float
    max_call: float  # 0 where the host itself sees open calls
    margin: float  # twice the largest difference between two clocks
    worker: float  # the claim of who creates or deletes
    sees_open_calls: bool  # exactly, so that a call needs no deadline
    poll: float = 1.0
    linger: float = 0.0  # of a use that only the platform saw
    knowledge: float = 60.0  # the oldest on which a call may start
    drain: float = 60.0  # beside max_call, between `stop` and deletion
    request: float = 30.0
    creation: float = 3600.0
    backoff: float = 30.0
    backoff_max: float = 1800.0
    tombstone: float = 30 * 86400.0


@dataclass(frozen=True)
class Life:
    """One generation of a resource, its names never used again."""

    gen: int
    spec: Spec
    names: Mapping[str, str]
    phase: Phase = "creating"
    used_until: float = 0.0  # calls and waiters; never lowered
    holds: Mapping[str, float] = field(default_factory=dict)  # `with` blocks: id -> until
    writers: str = ""  # the one process that ever used it, or "*"
    pinned_until: float = 0.0
    stop: bool = False  # a person's word
    force: bool = False  # ... whomever it breaks
    drain_until: float = 0.0  # when it takes effect; set by who sees it first
    worker: str = ""  # who is creating or deleting
    worker_until: float = 0.0
    born_at: float = 0.0
    ready_at: float = 0.0
    gone_at: float = 0.0
    error: str = ""
    price: float = 0.0  # at worst, $/h
    creator: str = ""  # for people

    def held_until(self) -> float:
        """Nobody may delete it before."""
        return max(self.used_until, self.pinned_until, *self.holds.values(), 0.0)


class Failure(NamedTuple):
    """How often in a row, and when it may be tried again."""

    times: int
    not_before: float
    why: str
    had_started: bool = False  # it was ready once, and vanished


@dataclass(frozen=True)
class Slot:
    """One item of the registry: all lives of a key; rev 0 is "no item"."""

    key: str
    rev: int = 0
    schema: int = SCHEMA
    next_gen: int = 1
    lives: tuple[Life, ...] = ()
    failures: Mapping[str, Failure] = field(default_factory=dict)
    took: Mapping[str, float] = field(default_factory=dict)

    def with_life(self, life: Life) -> Slot:
        """With that generation replaced."""
        lives = tuple(life if each.gen == life.gen else each for each in self.lives)
        return replace(self, lives=lives)

    def life(self, gen: int) -> Life | None:
        """That generation, if it is still remembered."""
        return next((each for each in self.lives if each.gen == gen), None)


Names = Mapping[str, str]  # of a life's parts


class Page(NamedTuple):
    """Of a scan; broken are (key, why) of rows without a slot."""

    slots: Sequence[Slot]
    cursor: str
    broken: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Rest:
    """Leave it alone; `unknown`: a signal is missing."""

    why: str
    unknown: bool = False


@dataclass(frozen=True)
class Write:
    """Swap the slot for this one, then decide again."""

    slot: Slot
    why: str


@dataclass(frozen=True)
class Delete:
    """Push its deletion once, then look again."""

    why: str


Move = Rest | Write | Delete


def decide(
    slot: Slot,
    life: Life,
    seen: Seen,
    used_outside: float | None,
    now: float,
    me: str,
    timing: Timing,
) -> Move:
    """What the one who cleans up may do to a life: the whole policy of deleting.

    The slot is a fresh, strongly consistent read, `seen` was looked at after it, `used_outside` is
    the last use that the platform saw (-inf: none, None: unknown, which counts as in use).
    """
    if slot.schema > SCHEMA:
        return Rest("a newer version of llmanager wrote this slot: spared")
    if seen is Seen.UNKNOWN:
        return Rest("its state could not be read, which counts as in use", unknown=True)
    match life.phase:
        case "creating":
            return _creating(slot, life, seen, now, me, timing)
        case "ready":
            return _ready(slot, life, used_outside, now, me, timing)
        case "failed":
            return _failed(slot, life, now, me, timing)
        case "deleting":
            return _deleting(slot, life, seen, now, me, timing)
        case _:  # gone
            return _gone(slot, life, seen, now, timing)


def _creating(slot: Slot, life: Life, seen: Seen, now: float, me: str, timing: Timing) -> Move:
    if now <= life.worker_until + timing.margin:
        return Rest(f"{life.worker} is creating it")
    if not life.stop and now <= life.held_until() + timing.margin:
        return Rest("somebody waits for it")
    if seen in (Seen.PENDING, Seen.GOING):
        return Rest("its creation was given up, but nothing in progress can be deleted")
    return _bury(slot, life, now, me, timing, "its creation was given up")


def _ready(
    slot: Slot, life: Life, used_outside: float | None, now: float, me: str, timing: Timing
) -> Move:
    last = _sensible(used_outside, now, timing)
    quiet = last is not None and last + timing.linger < now
    if life.stop:
        if not life.drain_until:
            until = now + timing.drain + timing.max_call
            return Write(slot.with_life(replace(life, drain_until=until)), "a stop was asked for")
        drained = quiet if timing.sees_open_calls else now > life.drain_until + timing.margin
        if drained or (life.force and now > life.drain_until):
            return _bury(slot, life, now, me, timing, "a person stopped it")
        return Rest("it was stopped, and open calls are ending", unknown=last is None)
    if last is None:
        return Rest("its last use could not be read, which counts as in use", unknown=True)
    if now <= life.held_until() + timing.margin:
        return Rest("its lease or pin has not run out")
    if not quiet:
        return Rest("the platform saw a use after its lease ran out")
    return _bury(slot, life, now, me, timing, "nobody used it for its idle time")


def _sensible(used_outside: float | None, now: float, timing: Timing) -> float | None:
    # NaN compares false with everything.
    sound = isinstance(used_outside, int | float) and used_outside <= now + timing.margin
    return used_outside if sound else None


def _failed(slot: Slot, life: Life, now: float, me: str, timing: Timing) -> Move:
    if now <= life.worker_until + timing.margin:
        return Rest(f"{life.worker} is still looking at why it failed")
    return _bury(slot, life, now, me, timing, "it failed")


def _deleting(slot: Slot, life: Life, seen: Seen, now: float, me: str, timing: Timing) -> Move:
    if life.worker != me:
        if now <= life.worker_until + timing.margin:
            return Rest(f"{life.worker} is deleting it")
        return _bury(slot, life, now, me, timing, "its deleter stopped half-way")
    if seen is Seen.ABSENT:
        return Write(slot.with_life(_tombstone(life, now)), "every part is gone")
    if seen in (Seen.PENDING, Seen.GOING):
        return Rest("the platform is working on it")
    return Delete("its deletion is under way")


def _tombstone(life: Life, now: float) -> Life:
    """A thousand must fit into one item."""
    return replace(
        life,
        spec=life.spec._replace(body={}),
        phase="gone",
        holds={},
        worker="",
        worker_until=0.0,
        gone_at=now,
        error=life.error[:REMEMBERED],
    )


def _gone(slot: Slot, life: Life, seen: Seen, now: float, timing: Timing) -> Move:
    if seen in (Seen.READY, Seen.BROKEN):
        return Delete("a late request brought a dead life up again")
    if seen is Seen.ABSENT and now > life.gone_at + timing.tombstone:
        rest = tuple(each for each in slot.lives if each.gen != life.gen)
        return Write(replace(slot, lives=rest), "its tombstone is old enough")
    return Rest("it is gone")


def _bury(slot: Slot, life: Life, now: float, me: str, timing: Timing, why: str) -> Move:
    """This write fences renewals out."""
    dying = replace(life, phase="deleting", worker=me, worker_until=now + timing.worker)
    return Write(slot.with_life(dying), why)
