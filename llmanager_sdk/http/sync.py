"""The blocking driver: urllib3, one pool manager per process."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import urllib3
from urllib3 import exceptions as broken

from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow

_pools: dict[int, urllib3.PoolManager] = {}


def _pool() -> urllib3.PoolManager:
    """This process's own: a socket that was opened before a fork is the parent's."""
    pid = os.getpid()
    pool = _pools.get(pid)
    if pool is None:
        _pools.clear()
        pool = _pools.setdefault(pid, urllib3.PoolManager(num_pools=64, maxsize=64, block=False))
    return pool


def stream(
    url: str, body: bytes, headers: Mapping[str, str], timeouts: Timeouts
) -> Iterator[bytes]:
    """POST, and yield the answer's bytes as they come.

    Args:
        headers: sent as they are; "Connection: close" keeps the connection out of the pool.

    Raises:
        NotReached, CutOff, TooSlow, Refused.
    """
    timeout = urllib3.Timeout(connect=timeouts.connect, read=timeouts.read)
    begun = False
    answer = None
    try:
        answer = _pool().urlopen(
            "POST",
            url,
            body=body,
            headers=headers,
            timeout=timeout,
            preload_content=False,
            retries=False,
            redirect=False,
        )
        if answer.status != 200:
            raise Refused(answer.status, answer.read(), answer.headers.get("Retry-After"))
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
    timeout = urllib3.Timeout(connect=timeouts.connect, read=timeouts.read)
    try:
        answer = _pool().request(
            method, url, body=body, headers=headers, timeout=timeout, retries=False
        )
    except broken.ReadTimeoutError as error:
        raise TooSlow(f"nothing came for {timeouts.read:.0f} s") from error
    except (broken.HTTPError, OSError) as error:
        raise NotReached(str(error)) from error
    if answer.status != 200:
        raise Refused(answer.status, answer.data, answer.headers.get("Retry-After"))
    return answer.data
