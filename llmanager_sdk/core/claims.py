"""What a client may do to a slot: use, wait, create, take over, renew, stop, pin. All pure.

`pursue` says which step comes next for somebody who wants a resource; the functions below it
make the slot that such a step writes. What deletes is in `life.decide` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from llmanager_sdk.core.life import SCHEMA, Failure, Life, Slot, Spec, Timing
from llmanager_sdk.errors import NewerSchema, ResourceError, SpecChanged, StartFailed

PIN_MAX = 30 * 86400.0
"""The longest pin, in seconds: a forgotten pin must not cost for ever."""
PATIENCE = 10.0
"""A backoff this short is waited out by who wants the resource; a longer one is an error."""
SETTLED = 600.0
"""A life that was ready for this long has proved itself: its end begins a new count."""


@dataclass(frozen=True)
class Want:
    """Who wants what.

    Attributes:
        idle: this caller's own idle timeout, in seconds; it counts in its own renewals only.
        hold: the id of a `with` block, whose demand ends with it; else empty.
        force: try again although the last failure asks for patience.
        replace: put this spec in the place of another one that lives under the key.
        price: the worst case of a new life, $/h.
        creator: for people: who asks.
    """

    spec: Spec
    idle: float
    hold: str = ""
    force: bool = False
    replace: bool = False
    price: float = 0.0
    creator: str = ""

    @property
    def key(self) -> str:
        """The key of the slot."""
        return self.spec.key


@dataclass(frozen=True)
class Known:
    """What a process knows to be recorded: the deadline of its demand, read at a time."""

    life: Life
    until: float
    at: float


def may_start(known: Known, now: float, timing: Timing) -> bool:
    """Whether a call may start now on what is known, without asking the registry."""
    fresh = now - known.at <= timing.knowledge
    return fresh and outlives(known, now, timing)


def outlives(known: Known, now: float, timing: Timing) -> bool:
    """Whether a call that starts now would end before its resource may be deleted."""
    return not known.life.stop and now + timing.max_call < known.until


@dataclass(frozen=True)
class Use:
    """It is ready: record the demand, then call it."""

    life: Life


@dataclass(frozen=True)
class Birth:
    """Nothing lives here: record a new life."""


@dataclass(frozen=True)
class TakeOver:
    """Its creator is gone: claim the same life."""

    life: Life


@dataclass(frozen=True)
class Build:
    """This process is its creator: push it on."""

    life: Life


@dataclass(frozen=True)
class Await:
    """Somebody else is creating it."""

    life: Life


@dataclass(frozen=True)
class Help:
    """It stands in the way: take the sweep's step on it."""

    life: Life


@dataclass(frozen=True)
class Pause:
    """It failed just now: wait a moment."""

    until: float


@dataclass(frozen=True)
class Refuse:
    """It cannot be had."""

    error: ResourceError | NewerSchema


Step = Use | Birth | TakeOver | Build | Await | Help | Pause | Refuse


def pursue(slot: Slot, want: Want, now: float, me: str, timing: Timing) -> Step:
    """The next step of somebody who wants a resource, on a fresh read of its slot."""
    if slot.schema > SCHEMA:
        return Refuse(
            NewerSchema(
                "a newer version of llmanager wrote this slot",
                resource=slot.key,
                hint="upgrade llmanager-sdk here",
            )
        )
    alive = [life for life in slot.lives if life.phase != "gone"]
    current = _current(alive)
    if current is None:
        return Help(alive[-1]) if alive else _begin(slot, want, now)
    if current.spec.digest == want.spec.digest:
        return _join(current, now, me, timing)
    return _beside(slot, alive, current, want, now, me, timing)


def _current(alive: list[Life]) -> Life | None:
    """The life that callers use: the newest ready one, else the newest on its way."""
    open_ones = [life for life in alive if not life.stop]
    for phase in ("ready", "creating"):
        for life in reversed(open_ones):
            if life.phase == phase:
                return life
    return None


def _join(life: Life, now: float, me: str, timing: Timing) -> Step:
    if life.phase == "ready":
        return Use(life)
    if life.worker == me:
        return Build(life)
    if now <= life.worker_until:
        return Await(life)
    forgotten = now > max(life.born_at + timing.creation, life.held_until() + timing.margin)
    return Help(life) if forgotten else TakeOver(life)


def _begin(slot: Slot, want: Want, now: float) -> Step:
    failure = slot.failures.get(want.spec.digest)
    if failure is None or want.force or now >= failure.not_before:
        return Birth()
    wait = failure.not_before - now
    if failure.had_started and wait <= PATIENCE:
        return Pause(failure.not_before)
    return Refuse(
        StartFailed(
            f"it failed {failure.times} time(s) in a row, and the next attempt is allowed in "
            f"{wait:.0f} s. The cause: {failure.why}",
            resource=slot.key,
            retry_after_s=wait,
            hint="mend the cause, then try again, at once with warm(force=True)",
        )
    )


def _beside(
    slot: Slot, alive: list[Life], current: Life, want: Want, now: float, me: str, timing: Timing
) -> Step:
    """Another spec is current: a replacement on request, else only when nobody holds it."""
    mine = next((life for life in alive if life.spec.digest == want.spec.digest), None)
    if want.replace:
        if mine is not None and mine.phase == "creating" and not mine.stop:
            return _join(mine, now, me, timing)
        spent = next((life for life in alive if life is not current), None)
        return _begin(slot, want, now) if spent is None else Help(spent)
    if mine is not None and current.phase == "ready":
        return Use(current)
    claimed = current.phase == "creating" and now <= current.worker_until + timing.margin
    if not claimed and now > current.held_until() + timing.margin:
        return Help(current)
    return Refuse(
        SpecChanged(
            f"another spec lives under this name: {_difference(current.spec, want.spec)}",
            resource=slot.key,
            hint="use another deployment name, stop the old one, or .resource.replace()",
        )
    )


def _difference(old: Spec, new: Spec) -> str:
    names = sorted({*old.body, *new.body})
    changed = [n for n in names if old.body.get(n) != new.body.get(n)]
    return ", ".join(f"{n} is {old.body.get(n)!r}, wanted {new.body.get(n)!r}" for n in changed)


def birth(
    slot: Slot, want: Want, names: Mapping[str, str], now: float, me: str, timing: Timing
) -> Slot:
    """A new life, recorded before anything is created."""
    life = Life(
        gen=slot.next_gen,
        spec=want.spec,
        names=names,
        worker=me,
        worker_until=now + timing.worker,
        born_at=now,
        price=want.price,
        creator=want.creator,
    )
    life = renewed(life, want, now, me, timing)
    return replace(slot, next_gen=slot.next_gen + 1, lives=(*_recent(slot, now, timing), life))


def _recent(slot: Slot, now: float, timing: Timing) -> list[Life]:
    """The lives without old tombstones, so that a slot does not grow where nobody sweeps."""
    oldest = now - timing.tombstone - timing.margin
    return [life for life in slot.lives if life.phase != "gone" or life.gone_at >= oldest]


def claimed(life: Life, now: float, me: str, timing: Timing) -> Life:
    """The life with this process as its worker, for another term."""
    return replace(life, worker=me, worker_until=now + timing.worker)


def term(want: Want, timing: Timing) -> float:
    """For how long a renewal records demand, in seconds: a call may start on older knowledge."""
    return max(want.idle, 1.5 * timing.max_call)


def renewed(life: Life, want: Want, now: float, me: str, timing: Timing) -> Life:
    """The life with this caller's demand recorded. The deadline is never lowered."""
    until = now + term(want, timing)
    writers = me if life.writers in ("", me) else "*"
    if not want.hold:
        return replace(life, used_until=max(life.used_until, until), writers=writers)
    holds = {h: t for h, t in life.holds.items() if now <= t + timing.margin}
    holds[want.hold] = max(until, holds.get(want.hold, 0.0))
    return replace(life, holds=holds, writers=writers)


def recorded(life: Life, want: Want) -> float:
    """The deadline of this caller's demand, as the life records it."""
    return life.holds.get(want.hold, 0.0) if want.hold else life.used_until


def due(life: Life, want: Want, now: float, me: str, timing: Timing) -> bool:
    """Whether a third of the demand's term has gone by, or a call could not start on it.

    Or the life does not know this process: a stop by its only writer would not wait for it.
    """
    if life.writers not in (me, "*"):
        return True
    return recorded(life, want) <= now + max(term(want, timing) * 2 / 3, timing.max_call)


def dropped(life: Life, hold: str) -> Life:
    """The life without the demand of a `with` block that was left."""
    return replace(life, holds={h: t for h, t in life.holds.items() if h != hold})


def became_ready(slot: Slot, life: Life, now: float) -> Slot:
    """It is up. Whatever it replaces drains from now on; its start teaches the estimate."""
    digest = life.spec.digest
    took = now - life.born_at
    learned = slot.took.get(digest, took) * 0.5 + took * 0.5
    up = replace(life, phase="ready", ready_at=now, worker="", worker_until=0.0)
    older = tuple(
        replace(each, stop=True) if each.gen < life.gen and each.phase == "ready" else each
        for each in slot.lives
    )
    return replace(slot, lives=older, took={**slot.took, digest: learned}).with_life(up)


def failed(slot: Slot, life: Life, why: str, now: float, timing: Timing) -> Slot:
    """It failed, or vanished: the cause is kept, and the next attempt waits longer each time."""
    digest = life.spec.digest
    started = life.ready_at > 0
    before = slot.failures.get(digest)
    proved = started and now - life.ready_at > SETTLED
    times = 1 if before is None or proved else before.times + 1
    free = started and times == 1
    delay = 0.0 if free else min(timing.backoff * 2.0 ** min(times - 1, 16), timing.backoff_max)
    failure = Failure(times, now + delay, why, started)
    dead = replace(life, phase="failed", error=why, worker="", worker_until=0.0)
    return replace(slot, failures={**slot.failures, digest: failure}).with_life(dead)


def stopped(life: Life, now: float, me: str, timing: Timing, *, force: bool, busy: bool) -> Life:
    """A person's word. When it takes effect is for whoever cleans up to say: at once only if nobody
    but this process ever used it and it has no open call, or if the person does not care.
    """
    alone = life.writers in ("", me) and not busy
    at_once = now - timing.margin if alone or force else 0.0
    return replace(
        life, stop=True, force=life.force or force, drain_until=life.drain_until or at_once
    )


def pinned(life: Life, until: float) -> Life:
    """The life that nobody deletes before `until`, whatever its leases say."""
    return replace(life, pinned_until=until)
