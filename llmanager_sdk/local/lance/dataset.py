"""`ports.vectors.Dataset` on a Lance table, in this process; `opened` chooses between it and a
helper process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from llmanager_sdk.errors import StoreCorrupt
from llmanager_sdk.filters import Filter
from llmanager_sdk.local.lance.limits import DEFAULT, Limits
from llmanager_sdk.local.lance.table import TRIES, Held, Table
from llmanager_sdk.local.lance.upkeep import Upkeep
from llmanager_sdk.ports.identity import check_identity
from llmanager_sdk.ports.vectors import Hit, Mode, Row, check_deletion

IDS = 2000
"""Ids that go into one condition."""

Answer = TypeVar("Answer")


class LanceDataset:
    """A store on disk; see `ports.vectors.Dataset`. Safe under threads and processes.

    Args:
        folder: of all stores.
        name: of this one.
        limits: from when it does what.
    """

    def __init__(self, folder: Path, name: str, limits: Limits = DEFAULT) -> None:
        self._table = Table(folder, name, limits)
        self._upkeep = Upkeep(self._table)
        self._view: Any = None
        self._lock = threading.Lock()

    # -- writing -------------------------------------------------------------------------------

    def add(self, rows: Sequence[Row], vectors: Any, identity: Mapping[str, Any]) -> None:
        """Write rows in one commit, over those of the same ids."""
        from llmanager_sdk.local.lance.arrow import checked, table_of

        if not rows:
            return
        vectors = checked(vectors, len(rows))
        last = {row.id: i for i, row in enumerate(rows)}
        chosen = sorted(last.values())
        data = table_of([rows[i] for i in chosen], vectors[chosen])
        with self._table.writing():
            held = self._table.latest()
            if held is None:
                self._table.create(data, identity)
                self._upkeep.first()
            else:
                self._merge(held, data, list(last), identity, vectors.shape[1])
        self._upkeep.after_write()

    def _merge(
        self, held: Held, data: Any, ids: list[str], identity: Mapping[str, Any], width: int
    ) -> None:
        from llmanager_sdk.local.lance.arrow import check_width

        check_identity(held.identity, identity, self._table.name)
        check_width(held.table.schema.field("vector").type.list_size, width, self._table.name)
        there = any(held.table.count_rows(_among(part)) for part in _parts(ids))
        if not there:
            held.table.add(data)
            return
        merge = held.table.merge_insert("id").when_matched_update_all()
        merge.when_not_matched_insert_all().execute(data)

    def delete(self, ids: Sequence[str] | None = None, where: Filter | None = None) -> None:
        """Delete by id or by filter, in one commit."""
        check_deletion(ids, where)
        if self._table.latest() is None or (where is None and not ids):
            return
        with self._table.writing():
            held = self._table.latest()
            if held is None:
                return
            if where is not None:
                conditions = self._condition(where)
            else:
                conditions = [_among(part) for part in _parts(sorted(set(ids or ())))]
            if conditions:
                held.table.delete(" OR ".join(conditions))
        self._upkeep.after_write()

    def _condition(self, where: Filter) -> list[str]:
        """The addresses of the rows that a filter keeps; nobody moves them during our turn."""
        addresses: Any = self._reading(lambda view: view.addresses_of(view.choose(where)), [])
        if not len(addresses):
            return []
        return [f"_rowid IN ({', '.join(map(str, addresses))})"]

    def optimize(self) -> None:
        """Compact, and bring the index up to date."""
        if self._table.latest() is not None:
            self._upkeep.run(wait=True)

    def drop(self) -> None:
        """Delete everything."""
        self.release()
        if self._table.latest() is not None:
            with self._table.writing():
                self._table.drop()

    def release(self) -> None:
        """Free what is kept in memory."""
        with self._lock:
            self._view = None

    # -- reading -------------------------------------------------------------------------------

    def _current(self) -> Any:
        """A view of the latest version; None for a store that was never written."""
        from llmanager_sdk.local.lance.view import View

        with self._lock:
            held = self._table.latest()
            if held is None:
                self._view = None
                return None
            view = self._view
            if view is None or view.mark != held.mark:
                same = view is not None and view.mark[0] == held.born
                with self._table.translating("read"):
                    table = self._table.pinned(held.version)
                    limits = self._table.limits
                    self._view = View(table, held.mark, limits, view if same else None)
            return self._view

    def _reading(self, ask: Callable[[Any], Answer], nothing: Answer) -> Answer:
        """What a view answers; asked anew if its files were cleaned up under it."""
        mark = None
        for left in reversed(range(TRIES)):
            try:
                view = self._current()
                if view is None:
                    return nothing
                mark = view.mark
                with self._table.translating("search"):
                    return ask(view)
            except StoreCorrupt:
                held = self._table.latest()
                if not left or (held is not None and held.mark == mark):
                    raise
        raise AssertionError("the last try returns or raises")

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows of these ids that exist, in this order."""
        asked = list(dict.fromkeys(ids))

        def ask(view: Any) -> dict[str, Row]:
            from llmanager_sdk.local.lance.arrow import rows_in

            found: dict[str, Row] = {}
            for part in _parts(asked):
                query = view.table.search().where(_among(part)).select(["id", "text", "meta"])
                found |= {row.id: row for row in rows_in(query.limit(None).to_arrow())}
            return found

        nothing: dict[str, Row] = {}
        found = self._reading(ask, nothing)
        return [found[id_] for id_ in ids if id_ in found]

    def search(
        self,
        vector: Any,
        text: str,
        k: int,
        where: Filter | None,
        mode: Mode,
        with_vectors: bool = False,
    ) -> list[Hit]:
        """The k best rows, all of one version."""
        from llmanager_sdk.local.lance.arrow import check_width, checked
        from llmanager_sdk.local.lance.search import search

        query = checked([vector], 1)[0] if mode != "text" else None

        def ask(view: Any) -> list[Hit]:
            if query is not None:
                check_width(view.width, len(query), self._table.name)
            chosen = view.choose(where) if where is not None else None
            found = search(view, query, text, k, chosen, mode)
            addresses = [address for address, _ in found]
            vectors = view.vectors(addresses) if with_vectors else [None] * len(found)
            rows = view.rows(addresses)
            return [
                Hit(row, float(score), vector)
                for row, (_, score), vector in zip(rows, found, vectors, strict=True)
            ]

        return self._reading(ask, [])

    def identity(self) -> Mapping[str, Any] | None:
        """What made its vectors."""
        held = self._table.latest()
        return held.identity if held is not None else None

    def count(self) -> int:
        """How many rows there are."""
        held = self._table.latest()
        if held is None:
            return 0
        with self._table.translating("read"):
            return int(held.table.count_rows())

    def describe(self) -> dict[str, Any]:
        """Rows, bytes, version, and what index there is."""
        held = self._table.latest()
        if held is None:
            return {"rows": 0, "path": str(self._table.path)}
        with self._table.translating("read"):
            indexes = {
                index.columns[0]: {
                    "type": str(index.index_type),
                    "rows": index.num_indexed_rows,
                    "waiting": index.num_unindexed_rows,
                }
                for index in held.table.list_indices()
            }
            return {
                "rows": int(held.table.count_rows()),
                "bytes": _size(self._table.path),
                "version": held.version,
                "fragments": int(held.table.stats()["fragment_stats"]["num_fragments"]),
                "indexes": indexes,
                "path": str(self._table.path),
                "embedding": held.identity.get("model", ""),
                "dimension": held.identity.get("dimension", 0),
            }


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + IDS] for start in range(0, len(ids), IDS)]


def _among(ids: Sequence[str]) -> str:
    quoted = ", ".join("'" + each.replace("'", "''") + "'" for each in ids)
    return f"id IN ({quoted})"


def _size(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except FileNotFoundError:  # cleaned up at this moment
            continue
    return size
