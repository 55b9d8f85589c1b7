"""Compaction and indexes, behind writes: one at a time on a machine, and never in a reader's way.

Writers wait meanwhile: rewriting rows that one of them changes would make both start anew. A round
over 100,000 rows takes about a second.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import Any

from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.local.lance.table import Table
from llmanager_sdk.local.lance.turn import turn

log = logging.getLogger("llmanager_sdk")

OVERDUE = 4
"""So many times a limit, and the writer does it itself: a short process ends its threads."""


class Upkeep:
    """Looks after one table.

    Args:
        table: the one.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def first(self) -> None:
        """The indexes of a table that was just made, inside the turn to write."""
        try:
            held = self._table.latest()
            if held is not None:
                with self._table.translating("optimize"):
                    self._make_indexes(held.table)
        except LLManagerError as error:
            self._tell(error)

    def after_write(self) -> None:
        """A round in the background, if one is due; here and now if it is long overdue."""
        try:
            due = self._due()
            if due > OVERDUE:
                self.run()
            elif due > 1:
                self._start()
        except LLManagerError as error:
            self._tell(error)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                name = f"llmanager-upkeep-{self._table.name}"
                self._thread = threading.Thread(target=self._quietly, name=name, daemon=True)
                self._thread.start()

    def _due(self) -> float:
        """How urgent a round is; above 1 it is due."""
        held = self._table.latest()
        if held is None:
            return 0.0
        with self._table.translating("optimize"):
            indexes = {index.columns[0]: index for index in held.table.list_indices()}
            small = int(held.table.stats()["fragment_stats"]["num_small_fragments"])
            rows = int(held.table.count_rows())
        waiting = max((index.num_unindexed_rows or 0 for index in indexes.values()), default=0)
        limits = self._table.limits
        return max(
            small / limits.small,
            min(waiting / max(limits.unindexed, rows / 10), OVERDUE),
            2.0 if self._wanted(rows) - indexes.keys() else 0.0,
            self._versions() / limits.versions,
        )

    def _versions(self) -> int:
        return sum(1 for _ in (self._table.path / "_versions").iterdir())

    def _quietly(self) -> None:
        try:
            self.run()
        except LLManagerError as error:
            self._tell(error)

    def _tell(self, error: LLManagerError) -> None:
        log.warning(
            "llmanager: the store %s could not be compacted, which is tried again: %s",
            self._table.name,
            error.message,
        )

    def run(self, *, wait: bool = False) -> None:
        """Compact and index now.

        Args:
            wait: for another process that is at it; else leave it to that one.
        """
        path = self._table.folder / f".{self._table.name}.upkeep"
        with (
            self._table.translating("optimize"),
            turn(path, self._table.limits.wait_s if wait else 0.0) as mine,
        ):
            if mine:
                with self._table.writing():
                    held = self._table.latest()
                    if held is not None:
                        self._round(held.table)

    def _round(self, table: Any) -> None:
        self._make_indexes(table)
        limits = self._table.limits
        keep = 0.1 if self._versions() > limits.versions else limits.keep_s
        table.optimize(cleanup_older_than=timedelta(seconds=keep))

    def _wanted(self, rows: int) -> set[str]:
        """The columns that a table of this size has indexes on."""
        return {"text", "id", "vector"} if rows >= self._table.limits.index_from else {"text"}

    def _make_indexes(self, table: Any) -> None:
        from lancedb.index import FTS, BTree, IvfRq

        there = {index.columns[0] for index in table.list_indices()}
        kinds = {
            "text": FTS(with_position=False),
            "id": BTree(),
            "vector": IvfRq(distance_type="cosine", num_partitions=1),
        }
        for column in sorted(self._wanted(int(table.count_rows())) - there):
            table.create_index(column, config=kinds[column])
