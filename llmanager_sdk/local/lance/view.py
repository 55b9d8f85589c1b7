"""What is kept in memory of one version of a table: which rows there are, and what queries need.

Lance keeps rows in fragments that never change, except that rows in them are deleted. So what was
read of a fragment stays valid, and a new version costs the reading of its new fragments only.
Vectors are loaded for exact search, documents and metadata fields when they are first needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from llmanager_sdk.filters import Compare, Every, Exists, Filter, Not, OneOf, Some
from llmanager_sdk.local.lance.arrow import matrix_in, rows_in
from llmanager_sdk.local.lance.fields import Bools, Field, fields_of
from llmanager_sdk.local.lance.limits import Limits
from llmanager_sdk.ports.vectors import Row

ADDRESS = 32
"""The low bits of a row's address are its place in its fragment (Lance format, row addresses)."""
BATCH = 1 << 20
"""Row addresses that are read at once: many small batches take twenty times as long."""
SHOWN = ["id", "text", "meta"]

Chosen = Sequence[Any]
"""For each piece the places of the rows that a filter keeps."""


@dataclass
class Piece:
    """One fragment's rows as they were when it was first seen, and what was read of them.

    Attributes:
        addresses: in ascending order; everything else is in their order.
        vectors: float32 (rows, width) at unit length.
        documents: id, text and metadata as JSON, in one chunk.
        fields: of the metadata.
    """

    addresses: Any
    vectors: Any = None
    documents: Any = None
    fields: dict[str, Field] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.addresses)

    @property
    def fragment(self) -> int:
        """Which fragment it is."""
        return int(self.addresses[0]) >> ADDRESS


class View:
    """One version of a table.

    Args:
        table: a handle of its own, which stays at that version.
        mark: tells this version of this table from every other.
        limits: what is kept in memory, and when there is an index.
        before: an older view of the same table, whose pieces are taken over.
    """

    def __init__(
        self, table: Any, mark: tuple[str, int], limits: Limits, before: View | None = None
    ) -> None:
        self.table = table
        self.mark = mark
        self.limits = limits
        self.width = int(table.schema.field("vector").type.list_size)
        self.indexed = {index.columns[0] for index in table.list_indices()}
        self._worded: tuple[Any, Any] | None = None
        self._lock = threading.Lock()
        known = {x.fragment: x for x in before.pieces} if before is not None else {}
        addresses = np.sort(self._scan([], None)["_rowid"].to_numpy())
        self.count = len(addresses)
        cuts = np.flatnonzero(np.diff(addresses >> ADDRESS)) + 1
        groups = np.split(addresses, cuts) if self.count else []
        self.pieces: list[Piece] = [self._piece(group, known) for group in groups]
        self.live = [_live(p, group) for p, group in zip(self.pieces, groups, strict=True)]
        self._by_fragment = {piece.fragment: piece for piece in self.pieces}

    def _piece(self, addresses: Any, known: dict[int, Piece]) -> Piece:
        piece = known.get(int(addresses[0]) >> ADDRESS)
        if piece is None or 2 * len(addresses) < len(piece):
            return Piece(addresses)
        # A piece of its own: what is read at this version lacks the rows that are deleted in it.
        return replace(piece)

    # -- reading columns -----------------------------------------------------------------------

    def _scan(self, columns: list[str], where: str | None) -> Any:
        # Lance reads every column when none is named.
        query = self.table.search().select(columns or ["_rowid"]).with_row_id(True).limit(None)
        if where is not None:
            query = query.where(where)
        if columns:
            return query.to_arrow()
        batches = list(query.to_batches(BATCH))
        return pa.Table.from_batches(batches) if batches else query.to_arrow()

    def _missing(
        self, columns: list[str], lacks: Callable[[Piece], bool]
    ) -> list[tuple[Piece, Any, Any]]:
        """For each piece that lacks something: its columns, and the places of their rows."""
        at = [i for i, piece in enumerate(self.pieces) if lacks(piece)]
        if not at:
            return []
        first, last = self.pieces[at[0]].addresses[0], self.pieces[at[-1]].addresses[-1]
        whole = 2 * sum(len(self.pieces[i]) for i in at) > self.count
        found = self._scan(columns, None if whole else f"_rowid BETWEEN {first} AND {last}")
        addresses = found["_rowid"].to_numpy()
        if (np.diff(addresses.astype(np.int64)) < 0).any():
            order = np.argsort(addresses)
            found, addresses = found.take(order), addresses[order]
        parts = []
        for i in at:
            piece = self.pieces[i]
            low, high = np.searchsorted(addresses, [piece.addresses[0], piece.addresses[-1] + 1])
            places = np.searchsorted(piece.addresses, addresses[low:high])
            parts.append((piece, found.slice(low, high - low), places))
        return parts

    def load_vectors(self) -> None:
        """Have every piece hold its vectors, at unit length."""
        with self._lock:
            for piece, found, places in self._missing(["vector"], lambda x: x.vectors is None):
                vectors = matrix_in(found["vector"])
                if len(vectors) < len(piece):
                    whole = np.zeros((len(piece), self.width), np.float32)
                    whole[places] = vectors
                    vectors = whole
                piece.vectors = vectors

    @property
    def has_vectors(self) -> bool:
        """Whether vectors are in memory, or are few enough to be put there."""
        small = 4 * self.width * self.count <= self.limits.vectors
        return small or all(piece.vectors is not None for piece in self.pieces)

    def _load_documents(self) -> bool:
        """Have every piece hold its documents, if they are small enough."""
        with self._lock:
            missing = [piece for piece in self.pieces if piece.documents is None]
            if missing and self._document_bytes() > self.limits.documents:
                return False
            for piece, found, places in self._missing(SHOWN, lambda x: x.documents is None):
                piece.documents = _spread(found.select(SHOWN), places, len(piece))
            return True

    def _document_bytes(self) -> int:
        return int(self.table.stats()["total_bytes"]) - 4 * self.width * self.count

    def worded(self) -> tuple[Any, Any]:
        """A table with an index of words, and the addresses of its rows; None for their own.

        A store that another process has just made, or was killed while making, may have no index
        yet. Reading makes nothing on disk, so one is made in memory.
        """
        if "text" in self.indexed:
            return self.table, None
        with self._lock:
            if self._worded is None:
                import lancedb
                from lancedb.index import FTS

                found = self._scan(["text"], None)
                table = lancedb.connect("memory://").create_table("words", found.select(["text"]))
                table.create_index("text", config=FTS(with_position=False))
                self._worded = table, found["_rowid"].to_numpy()
            return self._worded

    # -- filters -------------------------------------------------------------------------------

    def choose(self, where: Filter) -> Chosen:
        """The places of the rows that a filter keeps, for each piece."""
        names = sorted(_names(where))
        held = self._load_documents()
        with self._lock:
            self._load_fields(names, held)
        chosen = []
        for piece, live in zip(self.pieces, self.live, strict=True):
            mask = _keeps(where, piece)
            chosen.append(np.flatnonzero(mask if live is None else mask & live))
        return chosen

    def _load_fields(self, names: list[str], held: bool) -> None:
        def lacks(piece: Piece) -> bool:
            return any(name not in piece.fields for name in names)

        if held:
            parts = [(piece, piece.documents["meta"]) for piece in self.pieces if lacks(piece)]
        else:
            parts = [
                (piece, _spread(found.select(["meta"]), places, len(piece))["meta"])
                for piece, found, places in self._missing(["meta"], lacks)
            ]
        for piece, metas in parts:
            new = [name for name in names if name not in piece.fields]
            piece.fields = piece.fields | fields_of(metas.to_pylist(), new)

    def everything(self) -> Chosen:
        """All rows, for each piece."""
        return [
            np.arange(len(piece)) if live is None else np.flatnonzero(live)
            for piece, live in zip(self.pieces, self.live, strict=True)
        ]

    def addresses_of(self, chosen: Chosen) -> Any:
        """Their addresses, in order."""
        parts = [p.addresses[rows] for p, rows in zip(self.pieces, chosen, strict=True)]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)

    # -- single rows ---------------------------------------------------------------------------

    def rows(self, addresses: Sequence[int]) -> list[Row]:
        """The rows at these addresses, in this order."""
        if not len(addresses):
            return []
        if not self._load_documents():
            return rows_in(self._take(addresses, SHOWN))
        return [self._row(int(address)) for address in addresses]

    def _row(self, address: int) -> Row:
        piece = self._by_fragment[address >> ADDRESS]
        place = int(np.searchsorted(piece.addresses, np.uint64(address)))
        id_, text, meta = (column.chunk(0)[place].as_py() for column in piece.documents.columns)
        return Row(id_, text, orjson.loads(meta))

    def vectors(self, addresses: Sequence[int]) -> Any:
        """Their vectors at unit length, float32 (len(addresses), width), in this order."""
        if not len(addresses):
            return np.zeros((0, self.width), np.float32)
        return matrix_in(self._take(addresses, ["vector"])["vector"])

    def _take(self, addresses: Sequence[int], columns: list[str]) -> Any:
        asked = self.table.take_row_ids([int(x) for x in addresses]).select(columns)
        found = asked.with_row_id().to_arrow()
        got = found["_rowid"].to_numpy()
        order = np.argsort(got)
        wanted = np.asarray(addresses, np.uint64)
        return found.take(order[np.searchsorted(got, wanted, sorter=order)])


def _live(piece: Piece, addresses: Any) -> Bools | None:
    """Which of a piece's rows are still there; None for all."""
    if len(piece) == len(addresses):
        return None
    mask = np.zeros(len(piece), bool)
    mask[np.searchsorted(piece.addresses, addresses)] = True
    return mask


def _spread(found: Any, places: Any, count: int) -> Any:
    """A table of `count` rows with those of `found` at their places, in one chunk."""
    if found.num_rows < count:
        at = np.full(count, -1, np.int64)
        at[places] = np.arange(found.num_rows)
        found = found.take(pa.array(at, mask=at < 0))
    return found.combine_chunks()


def _names(where: Filter) -> set[str]:
    match where:
        case Compare(field, _, _) | OneOf(field, _) | Exists(field):
            return {field}
        case Not(part):
            return _names(part)
        case Every(parts) | Some(parts):
            return set().union(*map(_names, parts))


def _keeps(where: Filter, piece: Piece) -> Bools:
    """Which rows of a piece a filter keeps; deleted ones are not left out yet."""
    match where:
        case Compare(field, op, value):
            return piece.fields[field].compare(op, value)
        case OneOf(field, values):
            return piece.fields[field].one_of(values)
        case Exists(field):
            return piece.fields[field].present
        case Not(part):
            return ~_keeps(part, piece)
        case Every(parts):
            every: Bools = np.ones(len(piece), bool)
            for part in parts:
                every = every & _keeps(part, piece)
            return every
        case Some(parts):
            some: Bools = np.zeros(len(piece), bool)
            for part in parts:
                some = some | _keeps(part, piece)
            return some
