"""A word about a slot: stop, pin, lend, and the end of a `with` block. Generators of effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from llmanager_sdk.core import claims
from llmanager_sdk.core.claims import Known, Want
from llmanager_sdk.core.drivers import Sleep, Steps
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.life import Life
from llmanager_sdk.errors import NotRunning, ResourceError


def stop(
    engine: Engine, key: str, *, force: bool = False, close: Callable[[], int] = lambda: 0
) -> Steps[int]:
    """Ask that every life of a slot goes, data kept. Returns how many were asked.

    What only this process ever used, and has no open call on, goes at once. That is asked in a
    second write: the first one makes sure that whatever this process reads from then on says
    "stopped", and `close` that it starts no call on what it read before.

    Args:
        force: do not wait for open calls of others.
        close: forgets what this process knows of the slot, and counts its open calls
            (`Keeper.close`).
    """
    asked = yield from _ask(engine, key, force=force, busy=True)
    if asked and not force and not close():
        yield from _ask(engine, key, force=False, busy=False)
    return asked


def _ask(engine: Engine, key: str, *, force: bool, busy: bool) -> Steps[int]:
    while True:
        slot = yield from engine.read(key)
        now = engine.clock.time()
        lives = [
            life
            for life in slot.lives
            if life.phase in ("creating", "ready") and (busy or life.stop)
        ]
        new = slot
        for life in lives:
            timing = engine.kinds[life.spec.kind].timing
            asked = claims.stopped(life, now, engine.me, timing, force=force, busy=busy)
            new = new.with_life(asked)
        if not lives or (yield from engine.swap(slot, new)):
            return len(lives)


def pin(engine: Engine, key: str, seconds: float) -> Steps[Life]:
    """Keep the newest live life for that long, whatever its leases say.

    Raises:
        NotRunning: there is no life to pin.
        ResourceError: longer than 30 days.
    """
    if seconds > claims.PIN_MAX:
        raise ResourceError(
            f"a pin of {seconds / 86400:.0f} days was asked for, and 30 is the most",
            resource=key,
            step="pin",
            hint="pin it for 30 days or less; pin it again before that ends",
        )
    while True:
        slot = yield from engine.read(key)
        alive = (x for x in reversed(slot.lives) if x.phase in ("creating", "ready"))
        life = next((x for x in alive if not x.stop), None)
        if life is None:
            raise NotRunning(
                "there is no live resource to pin",
                resource=key,
                step="pin",
                hint="use it or warm it first",
            )
        fresh = claims.pinned(life, engine.clock.time() + seconds if seconds else 0.0)
        if (yield from engine.swap(slot, slot.with_life(fresh))):
            return fresh


def lend(engine: Engine, want: Want, gen: int) -> Steps[Known | None]:
    """Record demand on behalf of callers that this process never sees, such as a token's bearers.

    A stop waits for their calls, as for those of any other process.

    Args:
        want: its idle time, from now, is what is recorded.
        gen: the life that they are to call.

    Returns:
        What is recorded, or None when that life is no longer one to call.
    """
    while True:
        asked = engine.clock.time()
        slot = yield from engine.read(want.key)
        life = slot.life(gen)
        if life is None or life.phase != "ready" or life.stop:
            return None
        lent = claims.renewed(life, want, engine.clock.time(), engine.me, engine.timing(want))
        lent = replace(lent, writers="*")
        if (yield from engine.swap(slot, slot.with_life(lent))):
            return Known(lent, claims.recorded(lent, want), asked)


def drop(engine: Engine, key: str, hold: str) -> Steps[None]:
    """A `with` block was left: its demand ends, nobody else's does.

    What nobody wants any more goes at once: this process takes the sweep's steps itself, also while
    the reapers are off.
    """
    while True:
        slot = yield from engine.read(key)
        held = [
            life
            for life in slot.lives
            if hold in life.holds and life.phase in ("creating", "ready")
        ]
        new = slot
        for life in held:
            new = new.with_life(_released(claims.dropped(life, hold), engine.me))
        if not held or (yield from engine.swap(slot, new)):
            break
    for life in held:
        yield from engine.settle_all(key, life.gen)


def _released(life: Life, me: str) -> Life:
    if life.phase == "creating" and life.worker == me:
        return replace(life, worker="", worker_until=0.0)
    return life


def see_off(engine: Engine, key: str, patience: float) -> Steps[bool]:
    """Take the sweep's steps on what was stopped, until it is gone or `patience` seconds are over.

    The switch of the reapers does not hold a person's word up.

    Returns:
        Whether it is gone.
    """
    until = engine.clock.time() + patience
    while True:
        slot = yield from engine.read(key)
        going = [x for x in slot.lives if x.phase != "gone" and (x.stop or x.phase != "ready")]
        if not going:
            return True
        for life in going:
            yield from engine.settle_all(key, life.gen)
        if engine.clock.time() > until:
            return False
        yield Sleep(engine.kinds[going[0].spec.kind].timing.poll)
