"""Who may call an endpoint now: one queue per endpoint and process, first come, first served.

A small engine answers no faster when it is asked by more callers at once than it has slots; the
others wait here, blocking and async ones in the same line.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager


class Turns:
    """A semaphore for threads and event loops alike.

    Args:
        slots: how many may be inside at once.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._line: deque[Future[None]] = deque()
        self._lock = threading.Lock()

    def _enter(self) -> Future[None] | None:
        """None for inside at once, else a place in the line."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return None
            place: Future[None] = Future()
            self._line.append(place)
            return place

    def leave(self) -> None:
        """Give the turn to the next who still waits."""
        with self._lock:
            while self._line:
                place = self._line.popleft()
                if place.set_running_or_notify_cancel():
                    place.set_result(None)
                    return
            self._free += 1

    def _give_up(self, place: Future[None]) -> None:
        """Leave the line; if the turn came in the same moment, pass it on."""
        if not place.cancel():
            self.leave()

    def enter(self) -> None:
        """Wait for a turn in this thread."""
        place = self._enter()
        if place is not None:
            try:
                place.result()
            except BaseException:
                self._give_up(place)
                raise

    async def aenter(self) -> None:
        """Wait for a turn in this event loop."""
        place = self._enter()
        if place is not None:
            try:
                await asyncio.shield(asyncio.wrap_future(place))
            except BaseException:
                self._give_up(place)
                raise


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


@contextmanager
def turn(url: str, slots: int | None) -> Iterator[None]:
    """One call's turn at an endpoint; no limit for None."""
    if slots is None:
        yield
        return
    queue = _queue(url, slots)
    queue.enter()
    try:
        yield
    finally:
        queue.leave()


@asynccontextmanager
async def aturn(url: str, slots: int | None) -> AsyncIterator[None]:
    """`turn`, for asyncio."""
    if slots is None:
        yield
        return
    queue = _queue(url, slots)
    await queue.aenter()
    try:
        yield
    finally:
        queue.leave()
