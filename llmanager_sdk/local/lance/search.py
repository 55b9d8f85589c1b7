"""Finding rows: by an index, exactly, by words, and by both (reciprocal rank fusion)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from llmanager_sdk.local.lance.view import Bools, View
from llmanager_sdk.ports.vectors import Mode

INDEX_FROM = 20_000
"""Rows from which an index is made; a smaller store is searched exactly, in memory."""
FEW = 20_000
"""Rows that a filter may keep for their vectors to be read and compared one by one."""
MEMORY = 512 << 20
"""Bytes of vectors up to which a filtered search keeps them in memory; beyond, it reads rows."""
PROBES = 4096
"""More partitions than an index has: `optimize` may split one, and few probes then miss most."""
REFINE = 10
RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke, Buettcher: SIGIR 2009)."""
POOL = 50
"""Candidates of each side that are fused."""

Found = list[tuple[int, float]]
"""Row addresses and scores, best first."""


def search(view: View, vector: Any, text: str, k: int, mask: Bools | None, mode: Mode) -> Found:
    """The k best rows of a view that a mask keeps."""
    if k < 1 or len(view) == 0 or (mask is not None and not mask.any()):
        return []
    if mode == "text":
        return words(view, text, k, mask)
    if mode == "hybrid":
        pool = max(POOL, 4 * k)
        return fuse([dense(view, vector, pool, mask), words(view, text, pool, mask)], k)
    if mode == "exact":
        return exact(view, vector, k, mask)
    return dense(view, vector, k, mask)


def exact(view: View, vector: Any, k: int, mask: Bools | None) -> Found:
    """Every vector compared, in memory."""
    matrix, query = view.column("vector"), unit(vector)
    if mask is None:
        return _best(view.addresses, matrix @ query, k)
    rows = np.flatnonzero(mask)
    few = len(rows) < len(view) // 8  # picking rows out costs more than comparing all of them
    scores = matrix[rows] @ query if few else (matrix @ query)[rows]
    return _best(view.addresses[rows], scores, k)


def dense(view: View, vector: Any, k: int, mask: Bools | None) -> Found:
    """By the index where there is one; exactly where that is as fast."""
    if len(view) < INDEX_FROM or not has_index(view.table, "vector"):
        return exact(view, vector, k, mask)
    if mask is not None:
        if view.loaded("vector") or 4 * len(view) * len(vector) <= MEMORY:
            return exact(view, vector, k, mask)
        if mask.sum() <= FEW:
            addresses = view.addresses[mask]
            return _best(addresses, view.fetch(addresses, "vector") @ unit(vector), k)
    return _grow(lambda n: _indexed(view, vector, n), view, k, mask)


def _indexed(view: View, vector: Any, n: int) -> Found:
    query = view.table.search(unit(vector), vector_column_name="vector").distance_type("cosine")
    query = query.nprobes(PROBES).refine_factor(REFINE).limit(n)
    found = query.select(["_distance"]).with_row_id(True).to_arrow()
    scores = 1.0 - found["_distance"].to_numpy()
    return _best(found["_rowid"].to_numpy(), scores, len(scores))


def words(view: View, text: str, k: int, mask: Bools | None) -> Found:
    """By words (BM25)."""
    if not text.strip() or not has_index(view.table, "text"):
        return []
    return _grow(lambda n: _matched(view, text, n), view, k, mask)


def _matched(view: View, text: str, n: int) -> Found:
    from lancedb import query as lance

    match: Any = lance.MatchQuery
    query = view.table.search(match(text, "text"), query_type="fts").limit(n)
    found = query.select(["_score"]).with_row_id(True).to_arrow()
    return list(zip(found["_rowid"].to_pylist(), found["_score"].to_pylist(), strict=True))


def _grow(ask: Any, view: View, k: int, mask: Bools | None) -> Found:
    """Ask for more until enough of the answers are kept, or all rows were seen."""
    if mask is None:
        answer: Found = ask(k)
        return answer
    kept = set(view.addresses[mask].tolist())
    n = min(len(view), int(2 * k * len(view) / max(len(kept), 1)) + k)
    while True:
        answer = ask(n)
        good = [hit for hit in answer if hit[0] in kept]
        if len(good) >= min(k, len(kept)) or len(answer) < n or n >= len(view):
            return good[:k]
        n = min(len(view), 4 * n)


def fuse(lists: Sequence[Found], k: int) -> Found:
    """Reciprocal rank fusion: a row scores 1 / (60 + rank) in each list that has it."""
    scores: dict[int, float] = {}
    for found in lists:
        for rank, (address, _) in enumerate(found, 1):
            scores[address] = scores.get(address, 0.0) + 1.0 / (RRF + rank)
    return sorted(scores.items(), key=lambda hit: -hit[1])[:k]


def _best(addresses: Any, scores: Any, k: int) -> Found:
    if not len(scores):
        return []
    k = min(k, len(scores))
    top = np.argpartition(-scores, k - 1)[:k] if k < len(scores) else np.arange(len(scores))
    top = top[np.argsort(-scores[top], kind="stable")]
    return list(zip(addresses[top].tolist(), scores[top].tolist(), strict=True))


def unit(vector: Any) -> Any:
    """The vector at length 1."""
    found = np.asarray(vector, np.float32)
    return found / max(float(np.linalg.norm(found)), 1e-12)


def has_index(table: Any, column: str) -> bool:
    """Whether a column has one."""
    return any(column in index.columns for index in table.list_indices())
