"""Chat histories in a SQLite file. One row a message; its number is given in the transaction."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, islice, takewhile
from pathlib import Path

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import StoreCorrupt, StoreError
from llmanager_sdk.ports.history import (
    End,
    SessionInfo,
    Stored,
    encoded,
    end_after,
    end_not_before,
)
from llmanager_sdk.ports.history_keys import candidates, digest, fresh, look_up
from llmanager_sdk.sqlite_file import SqliteFile

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    namespace TEXT NOT NULL, id TEXT NOT NULL, next INTEGER NOT NULL, created_at REAL NOT NULL,
    updated_at REAL NOT NULL, expires_at REAL, PRIMARY KEY (namespace, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    namespace TEXT NOT NULL, session TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (namespace, session, number)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS messages_id ON messages (namespace, session, id);
"""
_ENDS = """
CREATE INDEX IF NOT EXISTS sessions_end ON sessions (namespace, expires_at)
WHERE expires_at IS NOT NULL
"""
VERSION = 1
"""Of the schema, as `PRAGMA user_version`. 0 is that of files without the index of ends."""
_VERSION = f"PRAGMA user_version = {VERSION}"
SWEEP_MOST = 20
"""Sessions past their end that one append removes on the way."""


class SqliteHistory:
    """All sessions of a namespace. Every commit is on disk when `append` returns.

    Args:
        path: the file; made by the first append.
        namespace: whose sessions.
        clock: says when a session has ended.
    """

    def __init__(self, path: Path, namespace: str, clock: Clock = SYSTEM) -> None:
        self._file = SqliteFile(path, f"{_SCHEMA}{_ENDS};{_VERSION};")
        self._namespace = namespace
        self._clock = clock

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        with self._file.reading() as connection:
            if connection is not None:
                self._version(connection)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._file.writing() as connection:
            if self._version(connection) < VERSION:
                connection.execute(_ENDS)
                connection.execute(_VERSION)
            yield connection

    def _version(self, connection: sqlite3.Connection) -> int:
        """The version of the file.

        Raises:
            StoreError: it is a newer one.
            StoreCorrupt: it is a file of something else.
        """
        name = self._file.path.name
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise StoreError(
                f"{name} is of schema {version}, and this version knows {VERSION}",
                resource=str(self._file.path),
                step="open",
                hint="update llmanager-sdk, or set LLMANAGER_HOME to another folder",
            )
        if version == 0 and not _ours(connection):
            raise StoreCorrupt(
                f"{name} is no chat history but a database of something else",
                resource=str(self._file.path),
                step="open",
                hint="move it away to start anew, or set LLMANAGER_HOME to another folder",
            )
        return version

    def append(
        self, session: str, messages: Sequence[Stored], ttl: float | None, *, again: bool = False
    ) -> int:
        """Add messages, all or none, next to each other; one that is there is left out."""
        return self._add(session, messages, end_after(ttl), again)

    def merge(self, session: str, messages: Sequence[Stored], expires_at: float | None) -> int:
        """`append` for what another history has of the session, which never ends earlier."""
        return self._add(session, messages, end_not_before(expires_at), False)

    def _add(self, session: str, messages: Sequence[Stored], end: End, again: bool) -> int:
        if not messages:
            return 0
        for text in (session, *chain.from_iterable(messages)):
            encoded(text)
        now = self._clock.time()
        call = candidates(messages)
        with self._writing() as connection:
            self._sweep(connection, now, session)
            row = connection.execute(
                "SELECT next, expires_at FROM sessions WHERE namespace = ? AND id = ?",
                (self._namespace, session),
            ).fetchone()
            first, ends = row or (0, None)
            look = partial(self._digests, connection, session)
            new = fresh(call, look_up(call, again, look), again)
            connection.executemany(
                "INSERT INTO messages VALUES (?, ?, ?, ?, ?)",
                [(self._namespace, session, n, *each) for n, each in enumerate(new, first)],
            )
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, id)"
                " DO UPDATE SET next = excluded.next, updated_at = excluded.updated_at,"
                " expires_at = excluded.expires_at",
                (self._namespace, session, first + len(new), now, now, end(now, ends, row is None)),
            )
            return len(new)

    def _digests(
        self, connection: sqlite3.Connection, session: str, keys: Sequence[str]
    ) -> dict[str, str]:
        """Of some keys those that are there, each with the digest of its message."""
        found = {}
        for key in keys:
            row = connection.execute(
                "SELECT body FROM messages WHERE namespace = ? AND session = ? AND id = ?",
                (self._namespace, session, key),
            ).fetchone()
            if row:
                found[key] = digest(row[0])
        return found

    def _sweep(self, connection: sqlite3.Connection, now: float, session: str) -> None:
        """Remove sessions past their end: the one that is written, and a few others."""
        ended = "SELECT id FROM sessions WHERE namespace = ? AND expires_at <= ?"
        whose = (self._namespace, now)
        own = connection.execute(f"{ended} AND id = ?", (*whose, session)).fetchall()
        others = connection.execute(f"{ended} LIMIT ?", (*whose, SWEEP_MOST)).fetchall()
        for (each,) in (*own, *others):
            self._remove(connection, each)

    def _remove(self, connection: sqlite3.Connection, session: str) -> None:
        whose = (self._namespace, session)
        connection.execute("DELETE FROM messages WHERE namespace = ? AND session = ?", whose)
        connection.execute("DELETE FROM sessions WHERE namespace = ? AND id = ?", whose)

    def read(self, session: str) -> list[Stored]:
        """All messages in order."""
        return self._select(session, "ORDER BY number", ())

    def last(self, session: str, n: int) -> list[Stored]:
        """The last n messages in order; the index is read from its end."""
        n = min(n, sys.maxsize)
        return self._select(session, "ORDER BY number DESC LIMIT ?", (n,))[::-1]

    def _select(self, session: str, tail: str, values: tuple[int, ...]) -> list[Stored]:
        encoded(session)
        with self._reading() as connection:
            if connection is None:
                return []
            whose = (self._namespace, session)
            live = connection.execute(
                "SELECT 1 FROM sessions WHERE namespace = ? AND id = ?"
                " AND (expires_at IS NULL OR expires_at > ?)",
                (*whose, self._clock.time()),
            ).fetchone()
            if live is None:
                return []
            rows = connection.execute(
                f"SELECT id, body FROM messages WHERE namespace = ? AND session = ? {tail}",
                (*whose, *values),
            )
            return [Stored(*row) for row in rows]

    def clear(self, session: str) -> None:
        """Remove the messages, and the session with them."""
        encoded(session)
        with self._reading() as connection:
            if connection is None:
                return
        with self._writing() as connection:
            self._remove(connection, session)

    def sessions(self, prefix: str = "", limit: int = 100, after: str = "") -> list[SessionInfo]:
        """Sessions by id, beginning behind `after`."""
        encoded(prefix + after)
        with self._reading() as connection:
            if connection is None:
                return []
            with closing(connection.cursor()) as cursor:
                # In the order of the key, so that nothing is read behind the last that is given.
                rows = cursor.execute(
                    "SELECT id, next, created_at, updated_at, expires_at FROM sessions"
                    " WHERE namespace = ? AND id >= ? AND id != ?"
                    " AND (expires_at IS NULL OR expires_at > ?) ORDER BY id",
                    (self._namespace, max(prefix, after), after, self._clock.time()),
                )
                alike = takewhile(lambda row: row[0].startswith(prefix), rows)
                some = islice(alike, max(0, min(limit, sys.maxsize)))
                return [SessionInfo(*row) for row in some]


def _ours(connection: sqlite3.Connection) -> bool:
    tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('sessions', 'messages')"
    return bool(connection.execute(tables).fetchone()[0] == 2)
