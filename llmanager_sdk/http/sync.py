"""The blocking driver: urllib3, one pool of connections per host and process."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import urllib3
from urllib3 import exceptions as broken
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow
from llmanager_sdk.http.message import BadMessage, Message


class _Lends:
    """A pool that lends its connections: they are opened, checked and kept by urllib3."""

    @contextmanager
    def lent(self, timeouts: Timeouts) -> Iterator[Any]:
        """An open connection; it is kept afterwards if the block leaves it open."""
        connection = self._get_conn()  # type: ignore[attr-defined]
        try:
            if connection.sock is None:
                connection.timeout = timeouts.connect
                connection.connect()
            connection.sock.settimeout(timeouts.read)
            yield connection
        except BaseException:
            connection.close()
            raise
        self._put_conn(connection)  # type: ignore[attr-defined]


class _Pool(_Lends, urllib3.HTTPConnectionPool):
    ConnectionCls = HTTPConnection  # named here, so that what patches urllib3's own leaves it alone


class _SecurePool(_Lends, urllib3.HTTPSConnectionPool):
    ConnectionCls = HTTPSConnection


_pools: dict[tuple[int, str], _Pool | _SecurePool] = {}
MOST = 64
"""Hosts whose connections are kept, and connections of each."""


def _pool(url: str) -> tuple[_Pool | _SecurePool, str]:
    """The pool of a host and the path on it. Each process has its own: a socket that was opened
    before a fork is the parent's."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    mark = (os.getpid(), f"{scheme}://{host}")
    pool = _pools.get(mark)
    if pool is None:
        if len(_pools) >= MOST:
            _pools.clear()
        kind: Any = _SecurePool if scheme == "https" else _Pool
        parts = parse_url(mark[1])
        made = kind(parts.host or "", parts.port, maxsize=MOST, block=False)
        pool = _pools.setdefault(mark, made)
    return pool, f"/{path}"


@cache
def _timeout(timeouts: Timeouts) -> urllib3.Timeout:
    return urllib3.Timeout(connect=timeouts.connect, read=timeouts.read)


_TARGET = re.compile(r"[\x21-\x7e]+")
_LINE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
READ = 65536
"""Bytes that are read at once."""


def _asked(connection: Any, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole request: on its own, the head would cost as much as both.

    Raises:
        ConfigurationError: an address or a header would end its line.
    """
    host, port = connection.host, connection.port
    place = f"[{host}]" if ":" in host else host
    place += f":{port}" if port != connection.default_port else ""
    lines = [f"Host: {place}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if not _TARGET.fullmatch(path) or not all(map(_LINE.fullmatch, lines)):
        raise ConfigurationError(
            "an address or a header holds a line break, or what cannot be printed",
            resource=place,
            step="call",
            hint="look at endpoint_url and the key: is there a line break at the end?",
        )
    head = "\r\n".join((f"POST {path} HTTP/1.1", *lines, "\r\n"))
    return head.encode("latin-1") + body


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
    pool, path = _pool(url)
    try:
        with pool.lent(timeouts) as connection:
            connection.sock.sendall(_asked(connection, path, body, headers))
            answer = Message()
            for data in _parts(connection.sock, answer):
                begun = True
                yield data
            if not answer.keep or headers.get("Connection") == "close":
                connection.close()
    except TimeoutError as error:
        raise TooSlow(f"nothing came for {timeouts.read:.0f} s") from error
    except (broken.HTTPError, BadMessage, OSError) as error:
        raise (CutOff if begun else NotReached)(str(error)) from error


def _parts(sock: Any, answer: Message) -> Iterator[bytes]:
    """What comes of an answer that is well.

    Raises:
        Refused: it is not.
        BadMessage, OSError.
    """
    refused: list[bytes] = []
    while not answer.done:
        data = sock.recv(READ)
        if not data:
            answer.close()
            break
        if not (part := answer.feed(data)):
            continue
        if answer.status == 200:
            yield part
        else:
            refused.append(part)
    if answer.status != 200:
        raise Refused(answer.status, b"".join(refused), answer.headers)


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
