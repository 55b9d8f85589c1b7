"""Taking turns by a file lock, which the system takes back from a process that is killed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_random

from llmanager_sdk.errors import StoreNotWritable

_held: set[int] = set()
"""Descriptors that hold a lock: a forked child would keep it for as long as it lives."""


def _let_go() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


@contextmanager
def turn(path: Path, wait_s: float) -> Iterator[bool]:
    """Hold the lock of a file inside the block; threads of one process take turns too.

    Args:
        path: it is made if it is not there; its folder must be.
        wait_s: how long to wait for another holder; with 0 the block gets False if there is one.

    Raises:
        StoreNotWritable: the other holder did not finish in time.
        OSError: the file cannot be made.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    _held.add(descriptor)
    try:
        yield _taken(descriptor, path, wait_s)
    finally:
        if descriptor in _held:  # a child that was forked inside the block has closed its own
            _held.discard(descriptor)
            os.close(descriptor)


def _taken(descriptor: int, path: Path, wait_s: float) -> bool:
    attempts = Retrying(
        retry=retry_if_exception_type(BlockingIOError),
        wait=wait_random(0.001, 0.02),
        stop=stop_after_delay(wait_s),
    )
    try:
        attempts(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except RetryError as error:
        if not wait_s:
            return False
        raise StoreNotWritable(
            f"another process has been writing for {wait_s:.0f} s",
            resource=str(path),
            step="wait for a turn to write",
            hint="look for a process that is stopped or very busy, then try again",
        ) from error
    return True
