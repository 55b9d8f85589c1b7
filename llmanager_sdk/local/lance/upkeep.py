"""Compaction and indexes, behind writes: one at a time on a machine, and never in anybody's way."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from datetime import timedelta
from typing import Any

from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.local.lance.search import INDEX_FROM, has_index
from llmanager_sdk.local.lance.table import Table

log = logging.getLogger("llmanager_sdk")

FILES = 20
"""Data files that a table may have before they are put together."""
KEEP = timedelta(minutes=10)
"""Older versions are kept that long for readers that are still at them."""


class Upkeep:
    """Looks after one table.

    Args:
        table: the one.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._pid = os.getpid()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def after_write(self) -> None:
        """A round in the background, if one is due."""
        with self._lock:
            busy = self._pid == os.getpid() and self._thread is not None and self._thread.is_alive()
            if busy or not self._due():
                return
            self._pid = os.getpid()
            name = f"llmanager-upkeep-{self._table.name}"
            self._thread = threading.Thread(target=self._quietly, name=name, daemon=True)
            self._thread.start()

    def _due(self) -> bool:
        table = self._table.open()
        if table is None:
            return False
        return data_files(self._table) > FILES or _wants_index(table)

    def _quietly(self) -> None:
        try:
            self.run()
        except LLManagerError as error:
            log.warning("llmanager: %s; it will be tried again", error.message)

    def run(self, *, wait: bool = False) -> None:
        """Compact and index now.

        Args:
            wait: for another process that is at it; else leave it to that one.
        """
        path = self._table.folder / f".{self._table.name}.upkeep"
        with self._table.translating("optimize"), path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                return
            # Writers wait: rewriting rows that one of them updates would make both start anew.
            with self._table.writing():
                table = self._table.open()
                if table is not None:
                    _index(table)
                    table.optimize(cleanup_older_than=KEEP)


def _wants_index(table: Any) -> bool:
    return not has_index(table, "text") or (
        table.count_rows() >= INDEX_FROM and not has_index(table, "vector")
    )


def _index(table: Any) -> None:
    from lancedb.index import FTS, BTree, IvfRq

    if not has_index(table, "text"):
        table.create_index("text", config=FTS(with_position=False))
    if table.count_rows() < INDEX_FROM:
        return
    if not has_index(table, "id"):
        table.create_index("id", config=BTree())
    if not has_index(table, "vector"):
        table.create_index("vector", config=IvfRq(distance_type="cosine", num_partitions=1))


def data_files(table: Table) -> int:
    """How many data files a table has: many small ones slow reading down."""
    folder = table.path / "data"
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0
