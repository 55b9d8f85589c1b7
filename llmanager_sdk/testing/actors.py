"""Who takes part: clients with leases, keepers, reapers, people. Generators of effects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.testing.clock import VirtualClock
from llmanager_sdk.testing.cloud import Call
from llmanager_sdk.testing.invariants import Violation
from llmanager_sdk.testing.stage import KIND, NAMESPACE, Stage
from llmanager_sdk.testing.tasks import Process, Task

Steps = Iterator[Any]


class Actor(Process):
    """A process with the engine as it sees it, and the leases it holds.

    Args:
        stage: where it takes part.
        role: the first part of its name.
        skew: by how many seconds its clock is ahead of the truth.
    """

    def __init__(self, stage: Stage, role: str, skew: float = 0.0) -> None:
        name = f"{role}{len(stage.members)}"
        super().__init__(name, VirtualClock(stage.world, skew))
        stage.members.append(self)
        self.stage = stage
        self._tokens = 0
        self.engine = stage.code.Engine(
            stage.registry, {KIND: stage.kind}, self.clock, me=name, token=self._token
        )
        self.leases: list[Any] = []
        self._keeper: Task | None = None

    def _token(self) -> str:
        self._tokens += 1
        return f"{self.name}{self._tokens}"

    def lease(self, want: Any) -> Any:
        """The lease for what is wanted."""
        for lease in self.leases:
            if lease.want == want:
                return lease
        lease = self.stage.code.Lease(self, want)
        self.leases.append(lease)
        return lease

    def wake(self) -> None:
        """Something is owed: the keeper looks."""
        if not self.alive:
            return
        if self._keeper is None:
            self._keeper = self.stage.scheduler.start("keeper", self, self._keep())
        else:
            self.stage.scheduler.unpark(self._keeper)

    def _keep(self) -> Steps:
        """What `core.keeper` does, in its own thread."""
        sleep, clock = self.stage.code.Sleep, self.clock
        while True:
            due = [(at, x) for x in self.leases if (at := x.due_at()) is not None]
            if not due:
                yield sleep(math.inf)
                continue
            now = clock.time()
            for at, lease in due:
                if at <= now:
                    yield from lease.renewal()
            left = [at for x in self.leases if (at := x.due_at()) is not None]
            if left:
                yield sleep(max(min(left) - clock.time(), 0.02))

    # -- what a client does --------------------------------------------------------------------

    def call(self, want: Any, seconds: float) -> Steps:
        """One call, as a face makes it: count in, bring up if cold, call, count out."""
        lease, engine, stage = self.lease(want), self.engine, self.stage
        timing = stage.kind.timing
        for _ in range(8):
            began = stage.world.now
            known = lease._step_in() or (yield from lease._refresh())
            if known is None:
                lease._known, era = None, lease._era
                lease._landed((yield from engine.ensure(want)), era=era)
                continue
            checked, read = stage.world.now, self.clock.time() - known.at
            excused = read > timing.knowledge and self.told_error >= began
            try:
                limit = checked + (timing.max_call or math.inf)
                dial = partial(self._dial, known.life, seconds, limit, excused)
                call = yield stage.code.Effect("call", dial)
                if call is not None:
                    stage.calls += 1
                    while not call.lost and call.end > stage.world.now:
                        yield stage.code.Sleep(call.end - stage.world.now)
                    return
            finally:
                lease.leave()
            if stage.world.now > limit:
                return
            if not (yield from lease.lost(known.life.gen)):
                yield stage.code.Sleep(timing.poll)

    def _dial(self, life: Any, seconds: float, limit: float, excused: bool) -> Call | None:
        now = self.stage.world.now
        end = min(now + seconds, limit)
        return self.stage.kind.call(life, self, end, excused) if end > now else None

    def block(self, want: Any, seconds: float) -> Steps:
        """A `with` block with one call in it."""
        try:
            yield from self.call(want, seconds)
        finally:
            self.leases = [lease for lease in self.leases if lease.want != want]
        yield from self.stage.code.verbs.drop(self.engine, want.key, want.hold)

    def stop(self, key: str, *, force: bool = False) -> Steps:
        """A person stops it, from a process that may use it too, and sees it off for a while."""
        verbs = self.stage.code.verbs
        yield from verbs.stop(self.engine, key, force=force, close=self._close)
        yield from verbs.see_off(self.engine, key, 60.0)

    def _close(self) -> int:
        return sum(lease.close() for lease in self.leases)

    def guarded(self, steps: Steps) -> Steps:
        """An error ends this step of a script, not the script."""
        try:
            yield from steps
        except LLManagerError as error:
            self.stage.errors[type(error).__name__] += 1

    def script(self, steps: list[tuple[float, bool, Any]]) -> Steps:
        """One thing after another: (gap, whether the gap ends at a deadline, what to do)."""
        sleep, stage = self.stage.code.Sleep, self.stage
        for gap, edge, make in steps:
            if edge:
                yield sleep(stage.scheduler.edge(self, gap) - stage.world.now)
            else:
                yield sleep(gap)
            yield from self.guarded(make(self))

    def reap(self, every: float) -> Steps:
        """A reaper: sweep after sweep."""
        code = self.stage.code
        while True:
            yield from self.guarded(self._sweep())
            yield code.Sleep(every)

    def _sweep(self) -> Steps:
        report = yield from self.stage.code.sweep(self.engine, NAMESPACE)
        # A typed error is told by its message, any other one by its repr.
        if raw := [text for _, text in report.errors if text.endswith(")")]:
            raise Violation("raw error", raw[0])
