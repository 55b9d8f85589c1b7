"""The asyncio driver: aiohttp, one session per event loop."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import AsyncIterator, Mapping

import aiohttp

from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow

_sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}


def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None or session.closed:
        _let_go(only_closed=True)
        # Connections are not kept, so that nothing is left open when a loop ends without a word.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        session = aiohttp.ClientSession(
            connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        _sessions[loop] = session
    return session


def _let_go(*, only_closed: bool = False) -> None:
    """Give up the sessions of loops that have ended, or all of them."""
    for loop, session in list(_sessions.items()):
        if loop.is_closed() or not only_closed:
            del _sessions[loop]
            session.detach()


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
        async with _session().post(url, data=body, headers=headers, timeout=timeout) as answer:
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
