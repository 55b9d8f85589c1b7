"""The registry in a SQLite file: all processes of one user on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmanager_sdk.core.life import Page, Slot
from llmanager_sdk.errors import RegistryUnavailable, StoreError
from llmanager_sdk.registry.form import dump, load, page
from llmanager_sdk.registry.rows import legible
from llmanager_sdk.sqlite_file import SqliteFile

PAGE = 100
"""How many slots a page of `scan` holds."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slots (
    namespace TEXT NOT NULL, key TEXT NOT NULL, rev INTEGER NOT NULL, schema INTEGER NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (namespace, key)
) WITHOUT ROWID
"""


class SqliteRegistry:
    """The slots of one namespace in a file.

    Args:
        path: the file; made, with its folder, by the first write. Reading makes nothing.
        namespace: whose slots.
    """

    def __init__(self, path: Path, namespace: str) -> None:
        self.namespace = namespace
        self._file = SqliteFile(path, _SCHEMA)

    def read(self, key: str) -> Slot:
        """The slot, or an empty one with rev 0."""
        with _available(key), self._file.reading() as connection:
            if connection is None:
                return Slot(key)
            row = connection.execute(
                "SELECT rev, schema, body FROM slots WHERE namespace = ? AND key = ?",
                (self.namespace, key),
            ).fetchone()
        with legible(key):
            return load(key, *row) if row else Slot(key)

    def swap(self, old: Slot, new: Slot) -> bool:
        """Compare and set on `rev`; durable when it returns."""
        values = (new.schema, dump(new), self.namespace, old.key)
        with _available(old.key), self._file.writing() as connection:
            if old.rev:
                cursor = connection.execute(
                    "UPDATE slots SET rev = rev + 1, schema = ?, body = ?"
                    " WHERE namespace = ? AND key = ? AND rev = ?",
                    (*values, old.rev),
                )
            else:
                cursor = connection.execute(
                    "INSERT INTO slots (schema, body, namespace, key, rev) VALUES (?, ?, ?, ?, 1)"
                    " ON CONFLICT DO NOTHING",
                    values,
                )
            return cursor.rowcount == 1

    def scan(self, cursor: str = "") -> Page:
        """Slots in key order."""
        with _available("*"), self._file.reading() as connection:
            if connection is None:
                return Page([], "")
            rows = connection.execute(
                "SELECT key, rev, schema, body FROM slots WHERE namespace = ? AND key > ?"
                " ORDER BY key LIMIT ?",
                (self.namespace, cursor, PAGE + 1),
            ).fetchall()
        return page(rows[:PAGE], rows[PAGE - 1][0] if len(rows) > PAGE else "")


@contextmanager
def _available(key: str) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise RegistryUnavailable(
            f"the registry is not available: {error.message}",
            resource=key,
            step=error.step,
            hint=error.hint,
        ) from error
