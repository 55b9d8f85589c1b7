"""The asyncio driver: aiohttp, its sessions one event loop's own."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import aiohttp

from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow


class _Connector(aiohttp.TCPConnector):
    """One that is collected without a word, its sockets with it.

    aiohttp's would complain to whoever ends a loop, and in a forked child take the sockets off the
    event loop, which is the parent's.
    """

    def __del__(self, *_: object) -> None:
        """Sockets that nobody holds close themselves."""

    def _release(self, *connection: Any, **how: Any) -> None:
        """Of a loop that was closed in mid-stream, there is nothing to give back."""
        if not self._loop.is_closed():
            super()._release(*connection, **how)


_Ending = AsyncGenerator[None, None]
_Place = tuple[asyncio.AbstractEventLoop, bool]
_sessions: dict[_Place, tuple[aiohttp.ClientSession, _Ending]] = {}
"""By event loop, and whether connections are kept: aiohttp keeps those that only we mean to end."""
_left: list[_Ending] = []
"""Of loops that this process does not run any more; to collect one would wake its loop."""


async def _session(keep: bool) -> aiohttp.ClientSession:
    place = asyncio.get_running_loop(), keep
    session, _ = _sessions.get(place, (None, None))
    if session is None or session.closed:
        _let_go(only_closed=True)
        session = aiohttp.ClientSession(
            connector=_Connector(limit=0, force_close=not keep),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        ending = _end(session)
        await anext(ending)
        _sessions[place] = session, ending
    return session


async def _end(session: aiohttp.ClientSession) -> _Ending:
    """A loop that ends closes its generators, and this one its connections: nobody else can."""
    try:
        yield
    finally:
        await session.close()


def _let_go(*, only_closed: bool = False) -> None:
    """Give up the sessions of loops that have ended, or all of them."""
    for place, (session, ending) in list(_sessions.items()):
        closed = place[0].is_closed()
        if closed or not only_closed:
            del _sessions[place]
            session.detach()
            if not closed:
                _left.append(ending)


atexit.register(_let_go)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


async def stream(
    url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts
) -> AsyncIterator[bytes]:
    """POST, and yield the answer's bytes as they come.

    Raises:
        NotReached, CutOff, TooSlow, Refused.
    """
    timeout = aiohttp.ClientTimeout(
        total=None, sock_connect=timeouts.connect, sock_read=timeouts.read
    )
    begun = False
    try:
        session = await _session(keep=headers.get("Connection") != "close")
        async with session.post(url, data=body, headers=headers, timeout=timeout) as answer:
            if answer.status != 200:
                text = await answer.read()
                raise Refused(answer.status, text, answer.headers)
            async for data in answer.content.iter_any():
                begun = True
                yield data
    except aiohttp.ConnectionTimeoutError as error:
        raise NotReached(str(error)) from error
    except TimeoutError as error:
        raise TooSlow(f"nothing came for {timeouts.read:.0f} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise (CutOff if begun else NotReached)(str(error)) from error
