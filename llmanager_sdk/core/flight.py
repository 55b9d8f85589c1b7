"""One start of a resource per process, however many threads and event loops wait for it.

The start runs in a thread of its own, the neutral ground between blocking and async callers:
whoever is interrupted or cancelled stops waiting, and the others do not notice.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait

from llmanager_sdk.core.claims import Known, Want
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.ports import Notify, Progress
from llmanager_sdk.errors import ResourceError, ResourceWarming, WaitTimeout

FOREVER = math.inf
TICK = 0.1
"""How often, in seconds, a waiter passes progress on and looks at its own deadline."""


class Abandoned(BaseException):
    """Nobody waits for this start any more; its resource is left as recorded."""


class Flight:
    """A start under way. Made by `Lease`, which keeps one per slot.

    Args:
        engine: whose `ensure` runs.
        want: what is wanted; the demand of all who wait.
        landed: called in the flight's thread when it is over, before any waiter wakes.
    """

    def __init__(self, engine: Engine, want: Want, landed: Callable[[Known | None], None]) -> None:
        self._engine = engine
        self._want = want
        self._landed = landed
        self._result: Future[Known] = Future()
        self._abandoned = threading.Event()
        self._cold = threading.Event()
        self._waiters = 1  # whoever makes it waits for it
        self._lock = threading.Lock()
        self.progress = Progress(want.key, "waiting", "looking at what is there", 0.0)
        name = f"llmanager-start-{want.key}"
        threading.Thread(target=self._fly, name=name, daemon=True).start()

    # -- the flight's own thread ---------------------------------------------------------------

    def _fly(self) -> None:
        known: Known | None = None
        error: BaseException | None = None
        try:
            known = run(self._engine.ensure(self._want, notify=self._note), self)
        except Abandoned:
            error = self._given_up()
        except BaseException as caught:
            error = caught
        self._landed(known)
        if known is not None:
            self._result.set_result(known)
        else:
            self._result.set_exception(error)

    def _note(self, progress: Progress) -> None:
        self.progress = progress

    def time(self) -> float:
        """The engine's wall clock; a flight is the clock that its own driver sleeps on."""
        return self._engine.clock.time()

    def monotonic(self) -> float:
        """The engine's steady clock."""
        return self._engine.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait between two looks. The first wait is what tells a cold start from a warm one."""
        self._cold.set()
        if self._abandoned.is_set():
            raise Abandoned
        self._engine.clock.sleep(seconds)

    # -- those who wait ------------------------------------------------------------------------

    def join(self, timeout: float, notify: Notify) -> Known:
        """Wait in this thread.

        Raises:
            WaitTimeout: after `timeout` seconds; the creation goes on.
        """
        with _Waiting(self):
            for pause in self._pauses(timeout, notify):
                wait((self._result,), pause)
                if self._result.done():
                    return self._result.result()
            raise self._too_late(timeout)

    async def ajoin(self, timeout: float, notify: Notify) -> Known:
        """Wait in this event loop."""
        with _Waiting(self):
            mine = asyncio.wrap_future(self._shielded())
            try:
                for pause in self._pauses(timeout, notify):
                    await asyncio.wait({mine}, timeout=pause)
                    if mine.done():
                        return mine.result()
            finally:
                mine.cancel()
            raise self._too_late(timeout)

    def _shielded(self) -> Future[Known]:
        """A future of one waiter's own, so that its cancellation is nobody else's."""
        copy: Future[Known] = Future()

        def pass_on(done: Future[Known]) -> None:
            if not copy.set_running_or_notify_cancel():
                return
            error = done.exception()
            if error is not None:
                copy.set_exception(error)
            else:
                copy.set_result(done.result())

        self._result.add_done_callback(pass_on)
        return copy

    def glance(self) -> Known:
        """Do not wait: the start goes on by itself, since its waiter is never counted out.

        Raises:
            ResourceWarming: it is cold.
        """
        while not self._cold.wait(0.002):
            if self._result.done():
                return self._result.result()
        if self._result.done():
            return self._result.result()
        raise self._warming()

    async def aglance(self) -> Known:
        """`glance`, for asyncio."""
        while not (self._cold.is_set() or self._result.done()):
            await asyncio.sleep(0.002)
        if self._result.done():
            return self._result.result()
        raise self._warming()

    def _pauses(self, timeout: float, notify: Notify) -> Iterator[float]:
        clock = self._engine.clock
        began = clock.monotonic()
        while True:
            notify(self.progress)
            left = timeout - (clock.monotonic() - began)
            if left <= 0:
                return
            yield min(TICK, left)

    def _warming(self) -> ResourceWarming:
        estimate = self.progress.estimate_s
        left = None if estimate is None else max(estimate - self.progress.elapsed_s, 0.0)
        return ResourceWarming(
            f"it is being started ({self.progress.message})",
            estimate_s=left,
            resource=self._want.key,
        )

    def _given_up(self) -> ResourceError:
        return ResourceError(
            "its start was given up while this call waited: the `with` block was left",
            resource=self._want.key,
            step=self.progress.phase,
            hint="end the calls of a `with` block before leaving it",
        )

    def _too_late(self, timeout: float) -> WaitTimeout:
        return WaitTimeout(
            f"it was not ready after {timeout:.0f} s ({self.progress.message})",
            resource=self._want.key,
            step=self.progress.phase,
            hint="what was begun goes on: use it again, wait longer with wait_timeout, "
            "or end it with `llmanager stop`",
        )

    def board(self) -> bool:
        """Count a waiter in, unless nobody can join it any more."""
        with self._lock:
            if self._result.done() or self._abandoned.is_set():
                return False
            self._waiters += 1
            return True

    def get_off(self) -> None:
        """Count a waiter out; the last one to leave ends the flight."""
        with self._lock:
            self._waiters -= 1
            if self._waiters == 0:
                self._abandoned.set()

    def abandon(self) -> None:
        """End it at its next pause, whoever waits."""
        self._abandoned.set()

    def interrupted(self) -> str:
        """What to tell somebody who stopped waiting."""
        return (
            f"llmanager: the start of {self._want.key} was begun and is recorded; the next use, "
            f"in any process, goes on with it. Worst case {self._want.price:g} $/h until it is "
            f"unused for {self._want.idle:.0f} s. To end it now: llmanager stop {self._want.key}"
        )


class _Waiting:
    """Counts a waiter in and out, and tells an interrupted one what goes on."""

    def __init__(self, flight: Flight) -> None:
        self._flight = flight

    def __enter__(self) -> None:
        """The waiter was counted in when it boarded."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._flight.get_off()
        if isinstance(error, KeyboardInterrupt | asyncio.CancelledError):
            error.add_note(self._flight.interrupted())
