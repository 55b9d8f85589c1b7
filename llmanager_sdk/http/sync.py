"""The blocking driver: urllib3, one pool of connections per host and process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import urllib3
from urllib3 import exceptions as broken
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import SKIP_HEADER, parse_url

from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow


class _Whole(HTTPConnection):
    """Sends head and body together: on its own, the head costs as much as both."""

    _held: list[bytes] | None = None

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._held = []
        try:
            super().request(*args, **kwargs)
            whole = b"".join(self._held)
        finally:
            self._held = None
        super().send(whole)

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)


class _WholeSecure(_Whole, HTTPSConnection):
    """The same over TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Whole


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _WholeSecure


_pools: dict[tuple[int, str], urllib3.HTTPConnectionPool] = {}
MOST = 64
"""Hosts whose connections are kept, and connections of each."""


def _pool(url: str) -> tuple[urllib3.HTTPConnectionPool, str]:
    """The pool of a host and the path on it. Each process has its own: a socket that was opened
    before a fork is the parent's."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    mark = (os.getpid(), f"{scheme}://{host}")
    pool = _pools.get(mark)
    if pool is None:
        if len(_pools) >= MOST:
            _pools.clear()
        kind = _SecurePool if scheme == "https" else _Pool
        parts = parse_url(mark[1])
        made = kind(parts.host or "", parts.port, maxsize=MOST, block=False)
        pool = _pools.setdefault(mark, made)
    return pool, f"/{path}"


@cache
def _timeout(timeouts: Timeouts) -> urllib3.Timeout:
    return urllib3.Timeout(connect=timeouts.connect, read=timeouts.read)


_BARE = {"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER}


def stream(
    url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts
) -> Iterator[bytes]:
    """POST, and yield the answer's bytes as they come.

    Args:
        headers: sent as they are; "Connection: close" keeps the connection out of the pool.

    Raises:
        NotReached, CutOff, TooSlow, Refused.
    """
    begun = False
    answer = None
    try:
        pool, path = _pool(url)
        answer = pool.urlopen(
            "POST",
            path,
            body=body,
            headers={**_BARE, **headers},
            timeout=_timeout(timeouts),
            preload_content=False,
            retries=False,
            redirect=False,
        )
        if answer.status != 200:
            raise Refused(answer.status, answer.read(), answer.headers)
        for data in answer.stream(65536, decode_content=False):
            begun = True
            yield data
        answer = None  # read to its end, it has given its connection back
    except broken.ReadTimeoutError as error:
        raise TooSlow(f"nothing came for {timeouts.read:.0f} s") from error
    except (broken.HTTPError, OSError) as error:
        raise (CutOff if begun else NotReached)(str(error)) from error
    finally:
        if answer is not None:
            answer.close()


def request(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], timeouts: Timeouts
) -> bytes:
    """One whole answer.

    Raises:
        NotReached, TooSlow, Refused.
    """
    try:
        pool, path = _pool(url)
        answer = pool.request(
            method, path, body=body, headers=headers, timeout=_timeout(timeouts), retries=False
        )
    except broken.ReadTimeoutError as error:
        raise TooSlow(f"nothing came for {timeouts.read:.0f} s") from error
    except (broken.HTTPError, OSError) as error:
        raise NotReached(str(error)) from error
    if answer.status != 200:
        raise Refused(answer.status, answer.data, answer.headers)
    return answer.data
