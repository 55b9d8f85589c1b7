"""Carries one request out over a link: cold starts, retries before the first byte, typed errors."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from llmanager_sdk.core.ports import Notify
from llmanager_sdk.errors import CallError
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow
from llmanager_sdk.http.turns import aturn, turn
from llmanager_sdk.ports.models import Endpoint, Link
from llmanager_sdk.wire.answer import Answer, Delta
from llmanager_sdk.wire.errors import TRANSIENT, from_fault
from llmanager_sdk.wire.request import PATH, Request

FAULTS = (NotReached, CutOff, TooSlow, Refused)
GRACE_S = 8.0
"""How long a connection that is refused is tried again while its engine says that it is up."""

LIVES = 3
"""How many engines may end under one call before it gives up."""


@dataclass(frozen=True)
class Call:
    """One request over one link.

    Attributes:
        where: who is called, for errors.
        retries: how often an answer such as "too many calls" is asked for again.
    """

    link: Link
    request: Request
    where: str
    timeouts: Timeouts
    retries: int = 2

    def stream(self, notify: Notify | None = None) -> Iterator[Delta]:
        """The deltas of the answer.

        Raises:
            CallError, ResourceError: see `errors` and `wire.errors`.
        """
        tries = _Tries(self.retries)
        while True:
            answer = Answer(self.request, self.where)
            with self.link.call(notify) as endpoint, turn(endpoint.url, endpoint.slots):
                try:
                    url, headers = endpoint.url + PATH, _headers(endpoint)
                    for data in sync.stream(url, self.request.body, headers, self.timeouts):
                        yield from answer.feed(data)
                    yield from answer.close()
                    return
                except FAULTS as caught:
                    fault, error = caught, self._fault(caught, answer)
            over = isinstance(fault, NotReached) and self.link.lost(endpoint)
            time.sleep(tries.pause(fault, error, over))

    async def astream(self, notify: Notify | None = None) -> AsyncIterator[Delta]:
        """`stream`, for asyncio."""
        from llmanager_sdk.http import aio  # a fifth of a second, for those who need it

        tries = _Tries(self.retries)
        while True:
            answer = Answer(self.request, self.where)
            async with self.link.acall(notify) as endpoint, aturn(endpoint.url, endpoint.slots):
                try:
                    url, headers = endpoint.url + PATH, _headers(endpoint)
                    async for data in aio.stream(url, self.request.body, headers, self.timeouts):
                        for delta in answer.feed(data):
                            yield delta
                    for delta in answer.close():
                        yield delta
                    return
                except FAULTS as caught:
                    fault, error = caught, self._fault(caught, answer)
            over = isinstance(fault, NotReached) and await self.link.alost(endpoint)
            await asyncio.sleep(tries.pause(fault, error, over))

    def _fault(self, fault: Exception, answer: Answer) -> CallError:
        """The typed error; raised at once when the answer had begun."""
        error = from_fault(fault, self.where)
        if answer.begun:
            raise error from fault
        return error


class _Tries:
    """What to do after a fault before the first byte: how long to wait, or give up."""

    def __init__(self, retries: int) -> None:
        self._left = retries
        self._lives = LIVES
        self._done = 0
        self._since = 0.0

    def pause(self, fault: Exception, error: CallError, over: bool) -> float:
        """Seconds to wait before the next try.

        Args:
            over: the engine is gone for sure: the next try brings up a new one.

        Raises:
            CallError: there is nothing to be gained by another try.
        """
        self._done += 1
        if isinstance(fault, NotReached):
            now = time.monotonic()
            if not self._since:  # a kept connection may have been closed in this very moment
                self._since = now
                return 0.0
            self._lives -= over
            if self._lives >= 0 and (over or now - self._since < GRACE_S):
                return 0.0 if over else 0.2
        elif isinstance(fault, Refused) and fault.status in TRANSIENT and self._left > 0:
            self._left -= 1
            full = min(0.25 * 2.0**self._done, 8.0)
            return fault.retry_after or random.uniform(0, full)
        raise error from fault


def _headers(endpoint: Endpoint) -> dict[str, str]:
    kept = {} if endpoint.keep_alive else {"Connection": "close"}
    return {"Content-Type": "application/json", **kept, **endpoint.headers}
