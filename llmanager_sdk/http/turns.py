"""Who may ask an endpoint now: one line per endpoint and process, first come, first served.

A small engine answers no faster when it is asked by more callers at once than it has slots; the
others wait here, blocking and async ones in the same line, and no time-out of theirs runs.

A turn lasts until the answer begins, never while it is read: a reader may stop in the middle of a
stream, or make calls of its own. So whoever has a turn waits for the engine alone. The one
exception is an event loop that is blocked, stopped or closed: its turns are taken away.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import asynccontextmanager, contextmanager
from functools import partial

PATIENCE = 0.5
"""How long, in seconds, an event loop may do nothing before its turns are given to others."""


class Place:
    """One caller.

    Args:
        loop: the event loop that it runs in; None for a thread, which the engine alone can hold up.
    """

    def __init__(self, loop: AbstractEventLoop | None = None) -> None:
        self._loop = loop
        self._asked = False
        self.inside: Future[None] | None = None  # of those only who had to wait

    def stuck(self) -> bool:
        """Whether its event loop does nothing, or has done nothing since the last look."""
        if self._loop is None:
            return False
        if self._asked or self._loop.is_closed():
            return True
        self._asked = True
        try:
            self._loop.call_soon_threadsafe(self._alive)
        except RuntimeError:  # closed in this very moment
            return True
        return False

    def _alive(self) -> None:
        self._asked = False


class Turns:
    """A semaphore for threads and event loops alike.

    Args:
        slots: how many may be inside at once.
        patience: see `PATIENCE`.
    """

    def __init__(self, slots: int, patience: float = PATIENCE) -> None:
        self._slots = slots
        self._patience = patience
        self._inside: dict[Place, None] = {}
        self._line: deque[Place] = deque()
        self._look_at = 0.0
        self._lock = threading.RLock()  # a collected generator may leave in the middle of anything

    def _enter(self, place: Place) -> Future[None] | None:
        """None for inside at once, else what is done as soon as it is."""
        with self._lock:
            if len(self._inside) < self._slots and not self._line:
                self._inside[place] = None
                return None
            place.inside = Future()
            self._line.append(place)
            return place.inside

    def leave(self, place: Place) -> None:
        """Give the turn to the next who still waits; to leave twice does nothing."""
        with self._lock:
            if place.inside is not None:
                place.inside.cancel()
            self._inside.pop(place, None)
            self._admit()

    def _admit(self) -> None:
        while self._line and len(self._inside) < self._slots:
            place = self._line.popleft()
            assert place.inside is not None
            if place.inside.set_running_or_notify_cancel():
                self._inside[place] = None
                place.inside.set_result(None)

    def _look(self) -> None:
        """Take the turns of those who are stuck."""
        now = time.monotonic()
        with self._lock:
            if now < self._look_at:
                return
            self._look_at = now + self._patience
            for place in [each for each in self._inside if each.stuck()]:
                self._inside.pop(place, None)
            self._admit()

    def enter(self) -> Place:
        """Wait for a turn in this thread; `leave` must follow."""
        place = Place()
        inside = self._enter(place)
        if inside is not None:
            try:
                while not inside.done():
                    self._look()
                    wait((inside,), self._patience)
            except BaseException:
                self.leave(place)
                raise
        return place

    async def aenter(self) -> Place:
        """Wait for a turn in this event loop; `leave` must follow."""
        place = Place(asyncio.get_running_loop())
        inside = self._enter(place)
        if inside is not None:
            mine = asyncio.wrap_future(inside)
            try:
                while not mine.done():
                    self._look()
                    await asyncio.wait((mine,), timeout=self._patience)
            except BaseException:
                self.leave(place)
                raise
        return place


_queues: dict[tuple[str, int], Turns] = {}
_lock = threading.Lock()
MOST = 256
"""Queues that are remembered; an endpoint that is not called any more is forgotten."""


def _forget() -> None:
    global _lock
    _lock = threading.Lock()
    _queues.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _queue(url: str, slots: int) -> Turns:
    queue = _queues.get((url, slots))
    if queue is None:
        with _lock:
            if len(_queues) >= MOST:
                del _queues[next(iter(_queues))]
            queue = _queues.setdefault((url, slots), Turns(slots))
    return queue


Begun = Callable[[], None]
"""To be called when the answer begins: the turn is over."""


@contextmanager
def turn(url: str, slots: int | None) -> Iterator[Begun]:
    """One call's turn at an endpoint, at most as long as the block; no limit for None."""
    if slots is None:
        yield _nothing
        return
    queue = _queue(url, slots)
    place = queue.enter()
    over = partial(queue.leave, place)
    try:
        yield over
    finally:
        over()


@asynccontextmanager
async def aturn(url: str, slots: int | None) -> AsyncIterator[Begun]:
    """`turn`, for asyncio."""
    if slots is None:
        yield _nothing
        return
    queue = _queue(url, slots)
    place = await queue.aenter()
    over = partial(queue.leave, place)
    try:
        yield over
    finally:
        over()


def _nothing() -> None:
    """There is no turn to give back."""
