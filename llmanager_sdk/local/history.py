"""Chat histories in a SQLite file. One row a message; its number is given in the transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.ports.history import SessionInfo, Stored
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
        self._file = SqliteFile(path, _SCHEMA)
        self._namespace = namespace
        self._clock = clock

    def append(self, session: str, messages: Sequence[Stored], ttl: float | None) -> int:
        """Add messages, all or none, next to each other; one whose id is there is left out."""
        if not messages:
            return 0
        now = self._clock.time()
        with self._file.writing() as connection:
            self._sweep(connection, now, session)
            row = connection.execute(
                "SELECT next, expires_at FROM sessions WHERE namespace = ? AND id = ?",
                (self._namespace, session),
            ).fetchone()
            first, ends = row or (0, None)
            if ttl is not None:
                ends = now + ttl
            number = first
            for message in messages:
                done = connection.execute(
                    "INSERT INTO messages VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT (namespace, session, id) DO NOTHING",
                    (self._namespace, session, number, message.id, message.body),
                )
                number += done.rowcount
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (namespace, id)"
                " DO UPDATE SET next = excluded.next, updated_at = excluded.updated_at,"
                " expires_at = excluded.expires_at",
                (self._namespace, session, number, now, now, ends),
            )
            return int(number - first)

    def _sweep(self, connection: sqlite3.Connection, now: float, session: str) -> None:
        """Remove sessions past their end: the one that is written, and a few others."""
        ended = connection.execute(
            "SELECT id FROM sessions WHERE namespace = ? AND expires_at <= ?"
            " ORDER BY id = ? DESC LIMIT ?",
            (self._namespace, now, session, SWEEP_MOST),
        ).fetchall()
        for (each,) in ended:
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
        return self._select(session, "ORDER BY number DESC LIMIT ?", (n,))[::-1]

    def _select(self, session: str, tail: str, values: tuple[int, ...]) -> list[Stored]:
        with self._file.reading() as connection:
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
        if self._file.exists():
            with self._file.writing() as connection:
                self._remove(connection, session)

    def sessions(self, prefix: str = "", limit: int = 100, after: str = "") -> list[SessionInfo]:
        """Sessions by id, beginning behind `after`."""
        with self._file.reading() as connection:
            if connection is None:
                return []
            rows = connection.execute(
                "SELECT id, next, created_at, updated_at, expires_at FROM sessions"
                " WHERE namespace = ? AND id > ? AND substr(id, 1, ?) = ?"
                " AND (expires_at IS NULL OR expires_at > ?) ORDER BY id LIMIT ?",
                (self._namespace, after, len(prefix), prefix, self._clock.time(), limit),
            )
            return [SessionInfo(*row) for row in rows]
