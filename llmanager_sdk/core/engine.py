"""Brings resources up and takes them down, one effect at a time.

Every method that touches the outside is a generator of effects (`drivers` runs them). Each pass
of a loop reads the slot afresh and takes one step from wherever it finds things, so a process
may be killed anywhere and whoever comes next goes on. The policy is in `claims` and `life`;
`verbs` has what a person asks for, `sweep` what is deleted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from llmanager_sdk.core import claims
from llmanager_sdk.core.claims import Known, Want
from llmanager_sdk.core.drivers import Effect, Sleep, Steps
from llmanager_sdk.core.life import Life, Seen, Slot, Timing, Write
from llmanager_sdk.core.ports import Clock, Kind, Notify, Progress, Registry
from llmanager_sdk.core.sweep import Cleaner
from llmanager_sdk.errors import LLManagerError, RegistryError, StartFailed, WaitTimeout


def _ignore(progress: Progress) -> None:
    """The default of `notify`."""


class Engine(Cleaner[Kind]):
    """The lifecycle of one namespace, as one process sees it.

    Args:
        registry: where the slots are.
        kinds: by the name that a spec carries.
        clock: this process's time.
        me: this process's name as a worker, unique for ever.
        token: makes the random part of physical names.
    """

    def __init__(
        self,
        registry: Registry,
        kinds: Mapping[str, Kind],
        clock: Clock,
        *,
        me: str,
        token: Callable[[], str],
    ) -> None:
        super().__init__(registry, kinds, clock, me=me)
        self._token = token

    def timing(self, want: Want) -> Timing:
        """The durations that hold for what is wanted."""
        return self.kinds[want.spec.kind].timing

    # -- bringing up ---------------------------------------------------------------------------

    def ensure(
        self, want: Want, *, deadline: float = math.inf, notify: Notify = _ignore
    ) -> Steps[Known]:
        """Bring the resource up, or join those who do, and record the demand.

        Args:
            want: what is wanted, by whom.
            deadline: when to stop waiting, on this engine's clock; the creation goes on.
            notify: told about each pass.

        Returns:
            What is recorded from now on; a call may start on it.

        Raises:
            StartFailed, SpecChanged, NewerSchema: it cannot be had.
            WaitTimeout: the deadline passed.
        """
        timing = self.timing(want)
        began = self.clock.time()
        ours: Life | None = None
        while True:
            asked = self.clock.time()
            slot = yield from self.read(want.key)
            if ours is not None:
                yield from self._raise_if_over(slot, ours.gen, want)
            step = claims.pursue(slot, want, self.clock.time(), self.me, timing)
            report = Progress(
                want.key,
                _PHASES.get(type(step), "waiting"),
                _MESSAGES.get(type(step), ""),
                self.clock.time() - began,
                slot.took.get(want.spec.digest),
            )
            notify(report)
            known, pause = yield from self._take(slot, step, want, asked)
            if known is not None:
                notify(report._replace(phase="ready", message="it is up"))
                return known
            ours = step.life if isinstance(step, claims.Await | claims.Build) else None
            if pause:
                if self.clock.time() + pause > deadline:
                    raise self._too_late(want, report)
                yield Sleep(pause)

    def _take(
        self, slot: Slot, step: claims.Step, want: Want, asked: float
    ) -> Steps[tuple[Known | None, float]]:
        """Carry out one step: what is known now, and how long to wait before the next."""
        timing = self.timing(want)
        now = self.clock.time()
        match step:
            case claims.Refuse(error):
                raise error
            case claims.Use(life):
                return (yield from self._record(slot, life, want, asked)), 0.0
            case claims.Birth():
                kind = self.kinds[want.spec.kind]
                names = kind.name(want.spec, slot.next_gen, self._token())
                new = claims.birth(slot, want, names, now, self.me, timing)
                yield from self.swap(slot, new)
                return None, 0.0
            case claims.TakeOver(life):
                taken = claims.claimed(life, now, self.me, timing)
                taken = claims.renewed(taken, want, now, self.me, timing)
                yield from self.swap(slot, slot.with_life(taken))
                return None, 0.0
            case claims.Build(life):
                return None, (yield from self._build(slot, life, want))
            case claims.Await(life):
                yield from self._show_demand(slot, life, want)
                return None, timing.poll
            case claims.Help(life):
                move = yield from self.settle(slot, life)
                return None, 0.0 if isinstance(move, Write) else timing.poll
            case _:  # Pause
                return None, timing.poll

    def _record(self, slot: Slot, life: Life, want: Want, asked: float) -> Steps[Known | None]:
        """Record the demand on a ready life unless most of it is recorded already."""
        timing = self.timing(want)
        now = self.clock.time()
        if not claims.due(life, want, now, self.me, timing):
            return Known(life, claims.recorded(life, want), asked)
        fresh = claims.renewed(life, want, now, self.me, timing)
        if (yield from self.swap(slot, slot.with_life(fresh))):
            return Known(fresh, claims.recorded(fresh, want), asked)
        return None

    def _show_demand(self, slot: Slot, life: Life, want: Want) -> Steps[None]:
        timing = self.timing(want)
        now = self.clock.time()
        if claims.due(life, want, now, self.me, timing):
            fresh = claims.renewed(life, want, now, self.me, timing)
            yield from self.swap(slot, slot.with_life(fresh))

    def _build(self, slot: Slot, life: Life, want: Want) -> Steps[float]:
        """Push the creation of a life of ours by one step; how long to wait after it."""
        kind, timing = self.kinds[life.spec.kind], self.timing(want)
        now = self.clock.time()
        if life.worker_until - now < timing.worker * 2 / 3:
            again = claims.claimed(life, now, self.me, timing)
            again = claims.renewed(again, want, now, self.me, timing)
            yield from self.swap(slot, slot.with_life(again))
            return 0.0
        seen = yield from self.observe(life)
        if seen is Seen.BROKEN and (why := (yield Effect("why", lambda: kind.why(life)))):
            yield from self._fail(life, why, want)
        if self.clock.time() - life.born_at > timing.creation:
            why = f"it made no progress for {timing.creation:.0f} s"
            yield from self._fail(life, why, want)
        try:
            if seen is Seen.READY and (yield Effect("finish", lambda: kind.finish(life))):
                now = self.clock.time()
                fresh = claims.renewed(life, want, now, self.me, timing)
                yield from self.swap(slot, claims.became_ready(slot, fresh, now))
                return 0.0
            if seen in (Seen.ABSENT, Seen.BROKEN):
                yield from self._create(life, want)
        except RegistryError:
            raise
        except LLManagerError as error:
            yield from self._fail(life, error.message, want, error)
        return timing.poll

    def _create(self, life: Life, want: Want) -> Steps[None]:
        """Ask for each part, while the claim outlives the request that asks for it."""
        kind, timing = self.kinds[life.spec.kind], self.timing(want)
        for part in kind.parts:
            slot = yield from self.read(want.key)
            mine = slot.life(life.gen)
            if mine is None or mine.phase != "creating" or mine.worker != self.me or mine.stop:
                return
            if self.clock.time() + timing.request >= mine.worker_until:
                return
            yield Effect("create", lambda part=part: kind.create(life, part))  # type: ignore[misc]

    def _fail(
        self, life: Life, why: str, want: Want, cause: LLManagerError | None = None
    ) -> Steps[None]:
        """Record that a life of ours failed, unless it is ours no more; raise it in any case."""
        # Who cannot record or clean up now is no news beside the cause: the next one does it.
        with suppress(LLManagerError):
            yield from self._bury_failed(life, why, want)
        raise self._start_failed(want, why, cause) from cause

    def _bury_failed(self, life: Life, why: str, want: Want) -> Steps[None]:
        while True:
            slot = yield from self.read(want.key)
            mine = slot.life(life.gen)
            if mine is None or mine.phase != "creating" or mine.worker != self.me:
                return
            new = claims.failed(slot, mine, why, self.clock.time(), self.timing(want))
            if (yield from self.swap(slot, new)):
                yield from self.settle_all(want.key, life.gen, limit=3)
                return

    def _start_failed(
        self, want: Want, why: str, cause: LLManagerError | None = None
    ) -> StartFailed:
        return StartFailed(
            f"it could not be started: {why}",
            resource=want.key,
            step=(cause.step if cause else "") or "create",
            hint=(cause.hint if cause else "") or "mend the cause, then use it again",
        )

    def _raise_if_over(self, slot: Slot, gen: int, want: Want) -> Steps[None]:
        """The start that this caller waits for failed elsewhere, or a person stopped it."""
        life = slot.life(gen)
        if life is None or life.ready_at:
            return
        if life.error:
            failure = slot.failures.get(life.spec.digest)
            raise self._start_failed(want, failure.why if failure else life.error)
        if life.stop:
            if life.phase == "creating" and life.worker == self.me:
                released = replace(life, worker="", worker_until=0.0)
                yield from self.swap(slot, slot.with_life(released))
            raise StartFailed(
                "a person stopped it while it was starting",
                resource=want.key,
                hint="use it again to start it anew",
            )

    def _too_late(self, want: Want, report: Progress) -> WaitTimeout:
        return WaitTimeout(
            f"it was not ready after {report.elapsed_s:.0f} s ({report.message})",
            resource=want.key,
            step=report.phase,
            hint="its creation goes on: use it again, wait longer with wait_timeout, "
            "or end it with `llmanager stop`",
        )

    # -- using ---------------------------------------------------------------------------------

    def touch(
        self, known: Known, want: Want, *, used_at: float | None = None
    ) -> Steps[Known | None]:
        """Learn what is recorded now, and renew this caller's demand where it must be.

        Args:
            used_at: record the demand from this use on; by default it is recorded, from now on,
                only if a third of its term has gone by.

        Returns:
            What is known, or None when the life is no longer one to call.
        """
        timing = self.timing(want)
        while True:
            asked = self.clock.time()
            slot = yield from self.read(want.key)
            life = slot.life(known.life.gen)
            if life is None or life.phase != "ready" or life.stop:
                return None
            now = self.clock.time()
            if used_at is None and not claims.due(life, want, now, self.me, timing):
                return Known(life, claims.recorded(life, want), asked)
            use = now if used_at is None else used_at
            fresh = claims.renewed(life, want, use, self.me, timing)
            if (yield from self.swap(slot, slot.with_life(fresh))):
                return Known(fresh, claims.recorded(fresh, want), asked)

    def vanished(self, life: Life, why: str) -> Steps[bool]:
        """Declare a ready life failed that refused a call, if the platform confirms it.

        Returns:
            Whether that life is over, so that the caller may ask for a new one.
        """
        key, timing = life.spec.key, self.kinds[life.spec.kind].timing
        while True:
            slot = yield from self.read(key)
            current = slot.life(life.gen)
            if current is None or current.phase != "ready":
                return True
            seen = yield from self.observe(current)
            if seen not in (Seen.ABSENT, Seen.BROKEN, Seen.GOING):
                return False
            now = self.clock.time()
            if (yield from self.swap(slot, claims.failed(slot, current, why, now, timing))):
                return True


_PHASES: Mapping[type, str] = {
    claims.Use: "ready",
    claims.Birth: "creating",
    claims.TakeOver: "creating",
    claims.Build: "starting",
    claims.Await: "waiting",
    claims.Help: "going",
    claims.Pause: "waiting",
}
_MESSAGES: Mapping[type, str] = {
    claims.Use: "it is up",
    claims.Birth: "nothing lives here yet: recording a new life",
    claims.TakeOver: "its creator is gone: taking over",
    claims.Build: "starting",
    claims.Await: "another process is starting it",
    claims.Help: "the one before it has to go first",
    claims.Pause: "it failed just now: waiting a moment",
}
