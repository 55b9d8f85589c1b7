"""`ports.vectors.Dataset` on a Lance table."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from llmanager_sdk.errors import ConfigurationError, InvalidVector
from llmanager_sdk.filters import Filter
from llmanager_sdk.local.lance.table import Table, check_identity, identity_of
from llmanager_sdk.local.lance.upkeep import Upkeep
from llmanager_sdk.ports.vectors import Hit, Mode, Row

IDS = 2000
"""Ids that go into one condition."""


class LanceDataset:
    """A store on disk; see `ports.vectors.Dataset`.

    Args:
        folder: of all stores.
        name: of this one.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._table = Table(folder, name)
        self._upkeep = Upkeep(self._table)
        self._view: tuple[int, Any] | None = None
        self._lock = threading.Lock()

    # -- writing -------------------------------------------------------------------------------

    def add(self, rows: Sequence[Row], vectors: Any, identity: Mapping[str, Any]) -> None:
        """Write rows in one commit, over those of the same ids."""
        if not rows:
            return
        vectors = checked(vectors, len(rows))
        last = {row.id: i for i, row in enumerate(rows)}
        chosen = sorted(last.values())
        data = _arrow([rows[i] for i in chosen], vectors[chosen])
        with self._table.writing():
            table = self._table.open()
            if table is None:
                self._table.create(data, identity)
            else:
                check_identity(table, identity, self._table.name)
                _check_width(table, vectors.shape[1], self._table.name)
                if self._present(table, list(last)):
                    merge = table.merge_insert("id").when_matched_update_all()
                    merge.when_not_matched_insert_all().execute(data)
                else:
                    table.add(data)
        self._upkeep.after_write()

    def _present(self, table: Any, ids: list[str]) -> bool:
        for start in range(0, len(ids), IDS):
            if table.count_rows(_among(ids[start : start + IDS])):
                return True
        return False

    def delete(self, ids: Sequence[str] | None = None, where: Filter | None = None) -> None:
        """Delete by id, by filter, or both at once (either condition)."""
        if self._table.open() is None:
            return
        with self._table.writing():
            table = self._table.open()
            if table is None:
                return
            gone = set(ids or ())
            if where is not None:
                view = self._current()
                gone |= set(view.column("id")[view.keeps(where)].tolist())
            if gone:
                table.delete(_among(sorted(gone)))
        self._upkeep.after_write()

    def optimize(self) -> None:
        """Compact, and bring the index up to date."""
        if self._table.open() is not None:
            self._upkeep.run(wait=True)

    def drop(self) -> None:
        """Delete everything."""
        self.release()
        self._table.drop()

    def release(self) -> None:
        """Free what is kept in memory."""
        with self._lock:
            self._view = None

    # -- reading -------------------------------------------------------------------------------

    def _current(self) -> Any:
        """A view of the latest version; None for a store that was never written."""
        from llmanager_sdk.local.lance.view import View

        table = self._table.open()
        if table is None:
            return None
        with self._lock, self._table.translating("read"):
            mark = self._table.mark(table)
            held = self._view
            before = held[1] if held is not None and held[0] == os.getpid() else None
            if before is None or before.mark != mark:
                if before is not None and before.mark[0] != mark[0]:
                    before = None
                before = View(self._table.pinned(mark[1]), mark, before)
                self._view = (os.getpid(), before)
            return before

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows of these ids that exist, in this order."""
        table = self._table.open()
        if table is None:
            return []
        found: dict[str, Row] = {}
        asked = list(dict.fromkeys(ids))
        with self._table.translating("read"):
            for start in range(0, len(asked), IDS):
                query = table.search().where(_among(asked[start : start + IDS]))
                data = query.select(["id", "text", "meta"]).limit(None).to_arrow()
                found |= {row.id: row for row in _rows(data)}
        return [found[id_] for id_ in ids if id_ in found]

    def search(self, vector: Any, text: str, k: int, where: Filter | None, mode: Mode) -> list[Hit]:
        """The k best rows."""
        from llmanager_sdk.local.lance.search import has_index, search

        view = self._current()
        if view is None:
            return []
        if vector is not None:
            vector = checked([vector], 1)[0]
            _check_width(view.table, len(vector), self._table.name)
        if mode in ("text", "hybrid") and not has_index(view.table, "text"):
            self._upkeep.run(wait=True)
            view = self._current()
        with self._table.translating("search"):
            mask = view.keeps(where) if where is not None else None
            found = search(view, vector, text, k, mask, mode)
            if not found:
                return []
            query = view.table.take_row_ids([address for address, _ in found])
            data = query.select(["id", "text", "meta"]).with_row_id().to_arrow()
            rows = dict(zip(data["_rowid"].to_pylist(), _rows(data), strict=True))
        return [Hit(rows[address], float(score)) for address, score in found if address in rows]

    def vectors(self, ids: Sequence[str]) -> Any:
        """Their vectors as float32 (len(ids), dimension), in this order."""
        import numpy as np

        table = self._table.open()
        if table is None or not ids:
            return np.zeros((0, 0), np.float32)
        with self._table.translating("read"):
            query = table.search().where(_among(ids)).select(["id", "vector"]).limit(None)
            data = query.to_arrow()
        flat = data["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        found = dict(zip(data["id"].to_pylist(), flat.reshape(len(data), -1), strict=True))
        return np.stack([found[id_] for id_ in ids])

    def identity(self) -> Mapping[str, Any] | None:
        """What made its vectors."""
        table = self._table.open()
        return identity_of(table) if table is not None else None

    def count(self) -> int:
        """How many rows there are."""
        table = self._table.open()
        return int(table.count_rows()) if table is not None else 0

    def describe(self) -> dict[str, Any]:
        """Rows, bytes, version, and what index there is."""
        table = self._table.open()
        if table is None:
            return {"rows": 0, "path": str(self._table.path)}
        size = sum(x.stat().st_size for x in self._table.path.rglob("*") if x.is_file())
        indexes = {index.columns[0]: str(index.index_type) for index in table.list_indices()}
        return {
            "rows": int(table.count_rows()),
            "bytes": size,
            "version": int(table.version),
            "indexes": indexes,
            "path": str(self._table.path),
            "embedding": dict(identity_of(table)).get("model", ""),
        }


def checked(vectors: Any, count: int) -> Any:
    """The vectors as float32 (count, dimension).

    Raises:
        InvalidVector: there are none, too few, or one is empty, NaN or infinite.
    """
    import numpy as np

    try:
        found = np.asarray(vectors, np.float32)
    except (TypeError, ValueError) as error:
        raise _invalid(f"they are no numbers, or of different lengths ({error})") from error
    if found.ndim != 2 or found.shape[0] != count or found.shape[1] == 0:
        raise _invalid(f"{count} of one length were expected, and their shape is {found.shape}")
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if len(bad):
        raise _invalid(f"number {bad[0]} holds NaN or infinity")
    return found


def _invalid(why: str) -> InvalidVector:
    return InvalidVector(
        f"the vectors cannot be used: {why}",
        step="check the vectors",
        hint="look at the embedding model that made them",
    )


def _check_width(table: Any, width: int, name: str) -> None:
    kept = table.schema.field("vector").type.list_size
    if width != kept:
        raise InvalidVector(
            f"a vector has {width} dimensions, and those of {name} have {kept}",
            resource=name,
            step="check the vectors",
            hint="use the embedding model that the store was made with",
        )


def _arrow(rows: Sequence[Row], vectors: Any) -> Any:
    import pyarrow as pa

    flat = pa.array(vectors.ravel(), pa.float32())
    return pa.table(
        {
            "id": pa.array([row.id for row in rows], pa.string()),
            "text": pa.array([row.text for row in rows], pa.string()),
            "meta": pa.array([_json(row.metadata) for row in rows], pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
    )


def _json(metadata: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(dict(metadata)).decode()
    except TypeError as error:
        raise ConfigurationError(
            f"this metadata cannot be kept: {error}",
            step="add documents",
            hint="use text, numbers, booleans, None, and lists and dictionaries of them",
        ) from error


def _rows(data: Any) -> list[Row]:
    columns = (data[name].to_pylist() for name in ("id", "text", "meta"))
    return [Row(i, text, orjson.loads(meta)) for i, text, meta in zip(*columns, strict=True)]


def _among(ids: Sequence[str]) -> str:
    quoted = ", ".join("'" + each.replace("'", "''") + "'" for each in ids)
    return f"id IN ({quoted})"
