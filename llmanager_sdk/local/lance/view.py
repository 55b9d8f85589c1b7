"""What is kept in memory of a table: which rows there are, and the columns that queries need.

A view is brought up to a table's version by its row addresses: rows that are new, another
process's too, are fetched, and those that are gone are left out. Vectors are loaded for exact
search only, and a metadata field when a filter first names it.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import orjson

from llmanager_sdk.filters import Compare, Every, Exists, Filter, Not, Some, look_up, matches

RELOAD = 0.3
"""The share of new rows from which everything is read anew rather than row by row."""

Bools = np.ndarray[Any, np.dtype[np.bool_]]


class View:
    """Columns of one table, at one version.

    Args:
        table: a handle of its own, which stays at that version.
        mark: tells this version of this table from every other.
        before: an older view of the same table, whose rows are taken over.
    """

    def __init__(self, table: Any, mark: tuple[int, int], before: View | None = None) -> None:
        self.table = table
        self.mark = mark
        found = table.search().select([]).with_row_id(True).limit(None).to_arrow()
        self.addresses: Any = found["_rowid"].to_numpy()
        self._lock = threading.Lock()
        self._columns: dict[str, Any] = {}
        self._fields: dict[str, tuple[Any, list[Any]]] = {}
        if before is not None and len(before):
            self._take_over(before)

    def __len__(self) -> int:
        return len(self.addresses)

    # -- columns -------------------------------------------------------------------------------

    def column(self, name: str) -> Any:
        """A column as an array in the order of `addresses`; vectors have unit length."""
        with self._lock:
            if name not in self._columns:
                self._columns[name] = self._whole(name)
            return self._columns[name]

    def loaded(self, name: str) -> bool:
        """Whether a column is in memory already."""
        return name in self._columns

    def _whole(self, name: str) -> Any:
        found = self.table.search().select([name]).with_row_id(True).limit(None).to_arrow()
        values = _array(found, name)
        order = found["_rowid"].to_numpy()
        if np.array_equal(order, self.addresses):
            return values
        at = np.argsort(order)
        return values[at[np.searchsorted(order, self.addresses, sorter=at)]]

    def _take_over(self, before: View) -> None:
        """What the older view has of rows that are still there; the rest is fetched."""
        at = np.argsort(before.addresses)
        place = np.searchsorted(before.addresses, self.addresses, sorter=at)
        old = at[np.minimum(place, len(at) - 1)]
        fresh = np.flatnonzero(before.addresses[old] != self.addresses)
        if len(fresh) > RELOAD * len(self):
            return
        for name, column in before._columns.items():
            values = column[old]
            if len(fresh):
                values[fresh] = self.fetch(self.addresses[fresh], name)
            self._columns[name] = values
        for field, (codes, known) in before._fields.items():
            self._fields[field] = self._coded(field, codes[old], list(known), fresh)

    def fetch(self, addresses: Any, name: str) -> Any:
        """A column of some rows only, from the disk."""
        asked = self.table.take_row_ids([int(x) for x in addresses]).select([name])
        found = asked.with_row_id().to_arrow()
        values, got = _array(found, name), found["_rowid"].to_numpy()
        at = np.argsort(got)
        return values[at[np.searchsorted(got, addresses, sorter=at)]]

    # -- filters -------------------------------------------------------------------------------

    def keeps(self, where: Filter) -> Bools:
        """Which rows a filter keeps.

        A filter is decided once for each distinct value of a field, by the reference semantics.
        """
        match where:
            case Compare(field, _, _) | Exists(field):
                codes, values = self._field(field)
                kept = np.fromiter((_keeps(where, field, x) for x in values), bool, len(values))
                mask: Bools = kept[codes]
                return mask
            case Every(parts):
                every: Bools = np.logical_and.reduce([self._all(True), *map(self.keeps, parts)])
                return every
            case Some(parts):
                some: Bools = np.logical_or.reduce([self._all(False), *map(self.keeps, parts)])
                return some
            case Not(part):
                return ~self.keeps(part)

    def _all(self, value: bool) -> Bools:
        return np.full(len(self), value)

    def _field(self, field: str) -> tuple[Any, list[Any]]:
        """A field's distinct values, and for each row which of them it has."""
        self.column("meta")
        with self._lock:
            if field not in self._fields:
                rows = np.arange(len(self))
                self._fields[field] = self._coded(field, np.empty(len(self), np.int64), [], rows)
            return self._fields[field]

    def _coded(self, field: str, codes: Any, values: list[Any], rows: Any) -> Any:
        """The codes with those of `rows` filled in; new values are added at the end."""
        meta = self._columns["meta"]
        known = {_mark(value): code for code, value in enumerate(values)}
        for row in rows:
            value = look_up(orjson.loads(meta[row]), field)
            mark = _mark(value)
            if mark not in known:
                known[mark] = len(values)
                values.append(value)
            codes[row] = known[mark]
        return codes, values


def _mark(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # the field is missing
        return b""


def _keeps(where: Filter, field: str, value: Any) -> bool:
    missing = _mark(value) == b""
    return matches(where, {} if missing else {field: value})


def _array(found: Any, name: str) -> Any:
    column = found[name].combine_chunks()
    if name != "vector":
        return column.to_numpy(zero_copy_only=False)
    width = column.type.list_size
    vectors = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)
