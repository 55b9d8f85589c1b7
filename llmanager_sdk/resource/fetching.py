"""Weights on their way to this machine: one thread per process and model, however many wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from llmanager_sdk.core.ports import Clock, Notify, Progress
from llmanager_sdk.errors import ResourceWarming, WaitTimeout
from llmanager_sdk.forks import forget_after_fork

Fetch = Callable[[], None]
TICK = 0.05
"""How often, in seconds, a waiter looks."""


class Fetches:
    """Those that are under way in this process, and those that failed and nobody was told."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[Fetch, Future[None]] = {}

    def join(self, fetch: Fetch) -> Future[None]:
        """Begin it, unless it is under way."""
        with self._lock:
            future = self._under_way.get(fetch)
            if future is None:
                future = self._under_way[fetch] = Future()
                name = "llmanager-fetch"
                threading.Thread(
                    target=_carry_out, args=(fetch, future), name=name, daemon=True
                ).start()
            return future

    def told(self, fetch: Fetch, future: Future[None]) -> None:
        """Somebody knows how it ended: the next one begins anew."""
        with self._lock:
            if self._under_way.get(fetch) is future:
                del self._under_way[fetch]


_fetches = forget_after_fork(Fetches())


def _carry_out(fetch: Fetch, future: Future[None]) -> None:
    try:
        fetch()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(None)


def arrival(
    key: str, fetch: Fetch, clock: Clock, *, wait: bool, timeout: float, notify: Notify
) -> Iterator[float]:
    """The pauses of one who waits until the weights are here.

    Args:
        key: whose they are, for people.
        timeout: the longest wait, in seconds.

    Raises:
        ResourceWarming: they are not, and `wait` is false; they are on their way.
        WaitTimeout: they were not in time; they still are on their way.
        LLManagerError: what went wrong on the way.
    """
    began = clock.monotonic()
    future = _fetches.join(fetch)
    while not future.done():
        if not wait:
            raise ResourceWarming("its weights are being fetched", resource=key)
        elapsed = clock.monotonic() - began
        notify(Progress(key, "resolving", "fetching its weights", elapsed))
        if elapsed >= timeout:
            raise WaitTimeout(
                f"its weights were not here after {timeout:.0f} s",
                resource=key,
                step="resolving",
                hint="this process goes on fetching them: use it again, wait longer with "
                "wait_timeout, or run `llmanager setup` before",
            )
        yield min(TICK, timeout - elapsed)
    _fetches.told(fetch, future)
    future.result()
