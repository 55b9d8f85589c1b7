"""Carries one request out over a link: cold starts, retries before the first byte, typed errors."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from llmanager_sdk.errors import CallError, LeaseLost, LLManagerError
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow
from llmanager_sdk.http.turns import aturn, turn
from llmanager_sdk.ports.models import JSON, Endpoint, Link
from llmanager_sdk.wire.errors import TRANSIENT, from_fault, plain, twin

if TYPE_CHECKING:
    from llmanager_sdk.core.ports import Notify

FAULTS = (NotReached, CutOff, TooSlow, Refused)
GRACE_S = 8.0
"""How long a connection that is refused is tried again while its engine says that it is up."""
PAUSE_MOST_S, RETRY_AFTER_MOST_S = 8.0, 60.0
"""The longest pause of ours, and the longest that a server may ask for before it is an error."""
STRANGE = {401, 404, 405, 501}
"""What somebody else may say who listens where an engine of this machine has listened before."""
LIVES = 3
"""How many engines may end under one call before it gives up."""


Piece = TypeVar("Piece")


class Reader(Protocol[Piece]):
    """Reads one answer, piece by piece.

    Attributes:
        begun: something was passed on, so that the call cannot be made again in silence.
    """

    begun: bool

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that these bytes complete."""

    def close(self) -> list[Piece]:
        """The last pieces; raises if the answer is not whole."""


@dataclass(frozen=True)
class Call(Generic[Piece]):
    """One request over one link.

    Attributes:
        where: who is called, for errors.
        reader: makes the reader of an answer; called with whether its bytes are framed.
        retries: how often an answer such as "too many calls" is asked for again.
        kinds: headers that say what is sent, and what may come back.
        at_once: the answer does not come in parts.
    """

    link: Link
    body: bytes
    where: str
    reader: Callable[[bool], Reader[Piece]]
    timeouts: Timeouts
    retries: int = 2
    kinds: Mapping[str, str] = field(default_factory=lambda: JSON)
    at_once: bool = False

    def stream(self, notify: Notify | None = None) -> Iterator[Piece]:
        """The pieces of the answer.

        Raises:
            CallError, ResourceError: see `errors` and `wire.errors`.
        """
        tries = _Tries(self.retries)
        try:
            while True:
                with (
                    self.link.call(notify) as endpoint,
                    turn(endpoint.url, endpoint.slots) as begun,
                ):
                    answer, ends, url, headers = self._begin(endpoint)
                    try:
                        for data in sync.stream(url, self.body, headers, self.timeouts):
                            begun()
                            yield from answer.feed(data)
                            ends.check()
                        yield from answer.close()
                        return
                    except FAULTS as caught:
                        fault, error = self._fault(caught, answer)
                over = _strange(fault, endpoint) and self.link.lost(endpoint)
                time.sleep(tries.pause(fault, error, over))
        except LLManagerError as raised:
            raise twin(raised) from raised.__cause__

    async def astream(self, notify: Notify | None = None) -> AsyncIterator[Piece]:
        """`stream`, for asyncio."""
        from llmanager_sdk.http import aio  # a fifth of a second, for those who need it

        tries = _Tries(self.retries)
        try:
            while True:
                async with (
                    self.link.acall(notify) as endpoint,
                    aturn(endpoint.url, endpoint.slots) as begun,
                ):
                    answer, ends, url, headers = self._begin(endpoint)
                    try:
                        async for data in aio.stream(url, self.body, headers, self.timeouts):
                            begun()
                            for piece in answer.feed(data):
                                yield piece
                            ends.check()
                        for piece in answer.close():
                            yield piece
                        return
                    except FAULTS as caught:
                        fault, error = self._fault(caught, answer)
                over = _strange(fault, endpoint) and await self.link.alost(endpoint)
                await asyncio.sleep(tries.pause(fault, error, over))
        except LLManagerError as raised:
            raise twin(raised) from raised.__cause__

    def _begin(self, endpoint: Endpoint) -> tuple[Reader[Piece], Ends, str, dict[str, str]]:
        if self.at_once:
            endpoint = endpoint.at_once()
        ends = Ends(endpoint.longest, self.where)
        return self.reader(endpoint.framed), ends, *endpoint.prepared(self.body, self.kinds)

    def _fault(self, caught: Exception, answer: Reader[Piece]) -> tuple[Exception, CallError]:
        """The fault and its typed error; raised at once when the answer had begun."""
        fault = plain(caught)
        error = from_fault(fault, self.where)
        if answer.begun:
            raise error from caught
        return fault, error


def _strange(fault: Exception, endpoint: Endpoint) -> bool:
    """Whether the engine may be gone; on this machine it costs a look at a lock to know."""
    if isinstance(fault, Refused):
        return bool(endpoint.slots) and fault.status in STRANGE
    return isinstance(fault, NotReached)


class Ends:
    """When a call must be over, since its resource may be deleted from then on.

    Args:
        longest: seconds from now; None for no end.
    """

    def __init__(self, longest: float | None, where: str) -> None:
        self._at = None if longest is None else time.monotonic() + longest
        self._where = where

    def check(self) -> None:
        """Raises `LeaseLost` if the time is over."""
        if self._at is not None and time.monotonic() > self._at:
            raise LeaseLost(
                "the call was ended: it took longer than its resource is kept for one",
                resource=self._where,
                step="read the answer",
                hint="ask for fewer tokens",
            )


class _Tries:
    """What to do after a fault before the first byte: how long to wait, or give up.

    Full jitter, as tenacity's `wait_random_exponential` has it. tenacity itself would give this
    one line, since there are three budgets here: answers, lives, and the grace of a connection;
    and its attempts cost a warm call 10 us.
    """

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
        elif over and self._lives:
            self._lives -= 1
            return 0.0
        elif isinstance(fault, Refused) and fault.status in TRANSIENT and self._left > 0:
            self._left -= 1
            full = min(0.25 * 2.0**self._done, PAUSE_MOST_S)
            if fault.retry_after is None:
                return random.uniform(0, full)
            if fault.retry_after <= RETRY_AFTER_MOST_S:
                return fault.retry_after
        raise error from fault
