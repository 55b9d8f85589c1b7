"""What one process knows and owes about one slot: the warm path, renewals, single flight.

A call on a warm resource costs a lock and two comparisons. The `Keeper` renews, in one thread
per process, what is in use; `flight` brings up what is cold.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Protocol

from llmanager_sdk.core.async_driver import arun
from llmanager_sdk.core.claims import Known, Want, may_start, outlives, term
from llmanager_sdk.core.drivers import Steps, run
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.flight import FOREVER, Flight
from llmanager_sdk.core.life import Life
from llmanager_sdk.core.ports import Notify, Progress
from llmanager_sdk.errors import RegistryError

log = logging.getLogger("llmanager_sdk")

WRITE_EVERY = 60.0
"""The shortest time between two renewals by one process, in seconds."""
LOOK_EVERY = 30.0
"""How often a slot in use is read in the background: half of what knowledge may be old."""


def _ignore(progress: Progress) -> None:
    """The default of `notify`."""


class Renewer(Protocol):
    """What a lease needs of its `keeper.Keeper`."""

    engine: Engine

    def wake(self) -> None:
        """Something new is owed."""


class Lease:
    """This process's demand for one resource. `Keeper.lease` makes and shares them."""

    def __init__(self, keeper: Renewer, want: Want) -> None:
        self.want = want
        self._keeper = keeper
        self._engine = keeper.engine
        self._timing = keeper.engine.timing(want)
        self._term = term(want, self._timing)
        self.forget()

    def forget(self) -> None:
        """Start anew: after a fork, nothing that the parent knows or owes is this process's."""
        self._lock = threading.Lock()
        self._known: Known | None = None
        self._flight: Flight | None = None
        self._era = 0  # what was read in an earlier one counts no more
        self.open_calls = 0
        self._used_at = 0.0
        self._covered = 0.0  # the use up to which the demand is recorded
        self._looked_at = 0.0
        self._scheduled = False

    # -- calls ---------------------------------------------------------------------------------

    def enter(
        self, *, wait: bool = True, timeout: float = FOREVER, notify: Notify = _ignore
    ) -> Known:
        """Count a call in, bringing the resource up if it is cold; `leave` must follow.

        Raises:
            ResourceWarming: it is cold and `wait` is false.
            WaitTimeout, StartFailed, SpecChanged, NewerSchema, RegistryUnavailable: see `errors`.
        """
        while True:
            known = self._step_in() or run(self._refresh(), self._engine.clock)
            if known is not None:
                return known
            flight = self._board()
            flight.join(timeout, notify) if wait else flight.glance()

    async def aenter(
        self, *, wait: bool = True, timeout: float = FOREVER, notify: Notify = _ignore
    ) -> Known:
        """`enter`, for asyncio."""
        while True:
            known = self._step_in() or await arun(self._refresh())
            if known is not None:
                return known
            flight = self._board()
            await (flight.ajoin(timeout, notify) if wait else flight.aglance())

    def leave(self) -> None:
        """A call ended."""
        with self._lock:
            self._count(-1)

    def _step_in(self, *, stale: bool = False) -> Known | None:
        """Count a call in if one may start on what is known."""
        with self._lock:
            known, now = self._known, self._engine.clock.time()
            allowed = outlives if stale else may_start
            if known is None or not allowed(known, now, self._timing):
                return None
            self._count(1)
            return known

    def _count(self, change: int) -> None:
        self.open_calls += change
        self._used_at = self._engine.clock.time()
        if not self._scheduled:
            self._scheduled = True
            self._keeper.wake()

    def _refresh(self) -> Steps[Known | None]:
        """Ask the registry, since what is known is too old; then count the call in."""
        with self._lock:
            known, era = self._known, self._era
        if known is None:
            return None
        try:
            fresh = yield from self._engine.touch(known, self.want)
        except RegistryError as error:
            log.warning("llmanager: %s; calls go on until the known deadline", error.message)
            return self._step_in(stale=True)
        self._learn(fresh, era)
        return self._step_in()

    def close(self) -> int:
        """Start no call on what was read before now. Returns how many are open."""
        with self._lock:
            self._era += 1
            self._known = None
            return self.open_calls

    def _learn(self, known: Known | None, era: int) -> None:
        with self._lock:
            if era != self._era:
                return
            self._known = known
            self._looked_at = self._engine.clock.time()
            if known is not None:
                self._covered = max(self._covered, known.until - self._term)

    # -- starts --------------------------------------------------------------------------------

    def _board(self) -> Flight:
        with self._lock:
            if self._flight is None or not self._flight.board():
                self._known = None
                landed = partial(self._landed, era=self._era)
                self._flight = Flight(self._engine, self.want, landed)
            return self._flight

    def abandon(self) -> None:
        """The owner of this lease waits no more: a start under way is left as recorded."""
        with self._lock:
            if self._flight is not None:
                self._flight.abandon()

    def _landed(self, known: Known | None, era: int) -> None:
        if known is not None:
            self._learn(known, era)

    def lost(self, gen: int) -> Steps[bool]:
        """A call found nobody there: declare the life failed if the platform confirms it."""
        with self._lock:
            known, era = self._known, self._era
        if known is None or known.life.gen != gen:
            return True
        over = yield from self._engine.vanished(known.life, "it stopped answering")
        if over:
            self._learn(None, era)
        return over

    @property
    def life(self) -> Life | None:
        """The life that calls go to, as far as this process knows."""
        known = self._known
        return known.life if known is not None else None

    # -- renewals, in the keeper's thread ------------------------------------------------------

    def due_at(self) -> float | None:
        """When the keeper should look next; None while nothing is owed."""
        if not self._scheduled:
            return None
        return self._looked_at + min(LOOK_EVERY, self._term / 3)

    def renew(self, *, final: bool = False) -> None:
        """Record the latest use, at most once a minute; read in between."""
        run(self.renewal(final=final), self._engine.clock)

    def renewal(self, *, final: bool = False) -> Steps[None]:
        """`renew`, as effects."""
        with self._lock:
            now = self._engine.clock.time()
            if self.open_calls:
                self._used_at = now
            known, era, used_at = self._known, self._era, self._used_at
            owed = used_at > self._covered
            every = min(WRITE_EVERY, self._term / 3)
            write = owed and (final or now - self._covered >= every)
            self._looked_at = now
        if known is None:
            self._scheduled = False
            return
        try:
            at = used_at if write else None
            self._learn((yield from self._engine.touch(known, self.want, used_at=at)), era)
        except RegistryError as error:
            log.warning("llmanager: the lease could not be renewed: %s", error.message)
        with self._lock:
            self._scheduled = self.open_calls > 0 or self._used_at > self._covered
