"""The folder of one life of an engine: its lock, its address, its log. Shared by kind and host.

lock           held from before the host starts until the last of it has ended
config.json    what to serve, with the secret key; for this user alone
address        written by the engine when it listens
endpoint.json  written by the host when the engine answers; removed when it goes
failure        why it ended, if it should not have
engine.log     everything that host and engine wrote
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TAIL = 64 * 1024
_PLAIN = re.compile(r"\w[\w.-]{0,63}", re.ASCII)
_LONGEST = 255
"""Bytes in the name of a file or folder, on all common file systems."""


def slug(key: str) -> str:
    """A key as a part of a folder's name: itself, or what can be kept of it and its digest."""
    if _PLAIN.fullmatch(key):
        return key
    kept = re.sub(r"[^\w.-]+", "-", key, flags=re.ASCII).strip("-.")[:40]
    return f"{kept}-{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:12]}"


def possible(name: str) -> bool:
    """Whether the file system could have a folder of that name at all."""
    short = all(len(part.encode(errors="surrogatepass")) <= _LONGEST for part in name.split("/"))
    return short and "\0" not in name and len(name) <= 4 * _LONGEST


def folders(home: Path, prefix: str = "") -> Iterator[Path]:
    """Folders with a lock of their own; keys with a slash once made them lie in one another.

    One that is deleted meanwhile is left out.
    """
    for path, inside, files in os.walk(home):
        inside.sort()
        if "lock" in files and os.path.relpath(path, home).startswith(prefix):
            yield Path(path)


_claimed: set[int] = set()
_no_fork = threading.RLock()


def release(descriptor: int) -> None:
    """Give a claimed lock back; a host that inherited it keeps it."""
    with _no_fork:
        _claimed.discard(descriptor)
        os.close(descriptor)


def _let_go() -> None:
    """A child that another thread's lock came with would keep it for as long as it lives."""
    for descriptor in _claimed:
        os.close(descriptor)
    _claimed.clear()
    _no_fork.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_no_fork.acquire, after_in_parent=_no_fork.release, after_in_child=_let_go
    )


class RunDir:
    """One such folder.

    Args:
        path: it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = path / "lock"
        self.config = path / "config.json"
        self.address = path / "address"
        self.endpoint = path / "endpoint.json"
        self.failure = path / "failure"
        self.log = path / "engine.log"

    def claim(self) -> int | None:
        """Take the lock: a descriptor that keeps it, inheritable by a host; None if it is held.

        It is given back with `release`. A forked child does not keep it.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _no_fork:
            descriptor = os.open(self.lock, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            _claimed.add(descriptor)
            return descriptor

    def held(self) -> bool:
        """Whether a host, or the creator that is starting it, is alive."""
        with _no_fork:
            try:
                descriptor = os.open(self.lock, os.O_RDWR)
            except FileNotFoundError:
                return False
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(descriptor)
            return False

    def clear(self) -> None:
        """Remove secrets and addresses; the log stays."""
        for each in (self.endpoint, self.address, self.config, self.failure):
            with contextlib.suppress(FileNotFoundError):
                each.unlink()

    def tail(self, lines: int) -> str:
        """The last lines of the log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(self.log.stat().st_size - TAIL, 0))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:]) if lines > 0 else ""


def write_private(path: Path, data: Any) -> None:
    """Write JSON for this user alone, whole or not at all."""
    scratch = path.with_name(path.name + ".new")
    descriptor = os.open(scratch, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(data, file)
    scratch.replace(path)
