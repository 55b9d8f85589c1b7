"""Opening a SQLite file so that many threads and processes may share it, and its errors, typed.

The registry, the history and the vector cache stand on this.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llmanager_sdk.errors import LLManagerError, StoreCorrupt, StoreNotWritable
from llmanager_sdk.sqlite_forks import GATE, Held

BUSY_S = 20.0
"""How long a writer waits for another one."""

NETWORK = re.compile(r"nfs|cifs|smb|sshfs|9p|lustre|gpfs|ceph|glusterfs|afs|davfs|beegfs|virtiofs")
"""File systems on which SQLite's locks cannot be trusted."""

Mounts = Callable[[], str]


def _mounts() -> str:
    try:
        return Path("/proc/self/mountinfo").read_text(errors="replace")
    except OSError:
        return ""


def network_file_system(path: Path, mounts: Mounts = _mounts) -> str:
    """The type of the network file system that a path is on; empty for a local one.

    Args:
        path: it need not exist yet.
        mounts: the text of /proc/self/mountinfo (format: proc(5)); without one, as on macOS,
            nothing is found.
    """
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts().splitlines():
        left, _, right = line.partition(" - ")
        fields, rest = left.split(), right.split()
        if len(fields) < 5 or not rest:
            continue
        point = fields[4].encode().decode("unicode_escape")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, rest[0]
    return kind if NETWORK.search(kind) else ""


def refuse_network(path: Path, mounts: Mounts = _mounts) -> None:
    """Refuse a path whose locks cannot be trusted.

    Raises:
        StoreNotWritable: it is on a network file system.
    """
    if kind := network_file_system(path, mounts):
        raise StoreNotWritable(
            f"{path.name} would be on a network file system ({kind}), where its locks do not hold",
            resource=str(path),
            step="open",
            hint="set LLMANAGER_HOME to a folder on a local disk",
        )


def translated(error: BaseException, path: Path, step: str) -> LLManagerError:
    """The typed error for what SQLite or the operating system said about a file."""
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOSPC or "disk is full" in text or number == errno.EDQUOT:
        what, hint = "the disk is full", "free some space, then try again: nothing was half done"
    elif number in (errno.EROFS, errno.EACCES, errno.EPERM) or "readonly" in text:
        what, hint = "it cannot be written", f"make {path.parent} writable, or set LLMANAGER_HOME"
    elif "unable to open" in text:
        what, hint = "it cannot be opened", f"make {path.parent} writable, or set LLMANAGER_HOME"
    elif "locked" in text or "busy" in text:
        what, hint = f"another process held it for {BUSY_S:.0f} s", "try again"
    elif "not a database" in text or "malformed" in text:
        return StoreCorrupt(
            f"{path.name} is not a sound SQLite file: {text}",
            resource=str(path),
            step=step,
            hint="move it away to start anew, or restore it from a backup",
        )
    else:
        what, hint = text or type(error).__name__, "look at the disk that it is on"
    return StoreNotWritable(f"{path.name}: {what}", resource=str(path), step=step, hint=hint)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log. Who finds another one switching is refused at once by SQLite,
    which does not wait as it does for a writer."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(0.005)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class SqliteFile:
    """A file with a schema. Made by its first write; until then every read finds nothing.

    Args:
        path: the file; its folder is made, for this user alone, with it.
        schema: statements that may be repeated.
        durable: fsync every commit. Without it a power cut may lose the latest ones.
        mounts: as `network_file_system`.
    """

    def __init__(
        self, path: Path, schema: str, *, durable: bool = True, mounts: Mounts = _mounts
    ) -> None:
        self.path = path
        self._schema = schema
        self._durable = durable
        self._mounts = mounts
        self._local = threading.local()

    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection for one read; None while there is no file."""
        with self._translating("read"), GATE.use():
            if not self.exists():
                yield None
                return
            held = self._held()
            with held.busy():
                yield held.connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, committed at the end of the block and rolled back by an error."""
        with self._translating("write"), GATE.use():
            held = self._held()
            with held.busy(), _transaction(held.connection):
                yield held.connection

    def close(self) -> None:
        """Close this thread's connection."""
        with GATE.use():
            if (held := self._mine()) is not None:
                held.close()
            self._local.held = None

    @contextmanager
    def _translating(self, step: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise translated(error, self.path, step) from error

    def _mine(self) -> Held | None:
        """This thread's own connection, if it is open."""
        held: Held | None = getattr(self._local, "held", None)
        return held if held is not None and held.is_open() else None

    def _held(self) -> Held:
        """This thread's own; a new one after a fork, and when the file was replaced."""
        if (held := self._mine()) is not None:
            try:
                if held.inode == self.path.stat().st_ino:
                    return held
            except FileNotFoundError:
                pass
            held.close()
        connection = self._open()
        held = self._local.held = Held(connection, self.path.stat().st_ino)
        return held

    def _open(self) -> sqlite3.Connection:
        refuse_network(self.path, self._mounts)
        new = not self.path.exists()
        if new:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            _write_ahead(connection)
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            if new or not connection.execute("SELECT 1 FROM sqlite_schema").fetchone():
                # In one transaction: whoever sees a part of the schema relies on all of it.
                connection.executescript(f"BEGIN IMMEDIATE;{self._schema};COMMIT;")
        except BaseException:
            connection.close()
            raise
        return connection
