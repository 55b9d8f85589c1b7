"""Finding rows: by an index, exactly, by words, and by both (reciprocal rank fusion)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from llmanager_sdk.local.lance.arrow import unit
from llmanager_sdk.local.lance.view import Chosen, View
from llmanager_sdk.ports.vectors import Mode

PROBES = 4096
"""More partitions than an index has: `optimize` may split one, and few probes then miss most."""
CANDIDATES = 200
"""Of the compressed index, at least, that are compared by their whole vectors; 10 for each answer
if that is more. Measured recall: 1.0 at 384 dimensions of text, 0.996 at 128."""
FULL_WIDTH = 384
"""Dimensions below which the index, at one bit for each, tells less: more candidates, then."""
RRF = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke, Buettcher: SIGIR 2009)."""
POOL = 50
"""Candidates of each side that are fused."""

Found = list[tuple[int, float]]
"""Row addresses and scores, best first."""


def search(view: View, vector: Any, text: str, k: int, chosen: Chosen | None, mode: Mode) -> Found:
    """The k best rows of a view, of the chosen ones if any are; all of them if k is more."""
    if view.count == 0 or (chosen is not None and not any(map(len, chosen))):
        return []
    k = min(k, view.count)  # Lance takes memory for what is asked, and aborts if there is none
    if mode == "text":
        return words(view, text, k, chosen)
    if mode == "hybrid":
        pool = min(view.count, max(POOL, 4 * k))
        return fuse([dense(view, vector, pool, chosen), words(view, text, pool, chosen)], k)
    return (exact if mode == "exact" else dense)(view, vector, k, chosen)


def exact(view: View, vector: Any, k: int, chosen: Chosen | None) -> Found:
    """Every vector compared, in memory."""
    view.load_vectors()
    query = unit(vector)
    if chosen is None and all(live is None for live in view.live):
        parts = [(piece.addresses, _dots(piece.vectors, query)) for piece in view.pieces]
    else:
        places = view.everything() if chosen is None else chosen
        parts = [
            (piece.addresses[rows], _scores(piece.vectors, rows, query))
            for piece, rows in zip(view.pieces, places, strict=True)
            if len(rows)
        ]
    addresses, scores = (np.concatenate(x) for x in zip(*parts, strict=True))
    return _best(addresses, scores, k)


def _scores(vectors: Any, rows: Any, query: Any) -> Any:
    if 8 * len(rows) < len(vectors):
        return _dots(vectors.take(rows, 0, mode="clip"), query)
    return _dots(vectors, query)[rows]  # picking out many rows costs more than comparing all


def _dots(vectors: Any, query: Any) -> Any:
    # One thread, which is as fast as memory; BLAS takes several, which wait for each other by
    # spinning: seven times as long on a busy machine.
    return np.vecdot(vectors, query)


def dense(view: View, vector: Any, k: int, chosen: Chosen | None) -> Found:
    """By the index where there is one; exactly where that is as fast."""
    if view.count < view.limits.index_from or "vector" not in view.indexed:
        return exact(view, vector, k, chosen)
    if chosen is not None:
        if view.has_vectors:
            return exact(view, vector, k, chosen)
        if sum(map(len, chosen)) <= view.limits.few:
            addresses = view.addresses_of(chosen)
            return _best(addresses, _dots(view.vectors(addresses), unit(vector)), k)
    return _grow(lambda n: _indexed(view, vector, n), view, k, chosen)


def _indexed(view: View, vector: Any, n: int) -> Found:
    query = view.table.search(unit(vector), vector_column_name="vector").distance_type("cosine")
    candidates = min(view.count, max(CANDIDATES, 10 * n) * max(1.0, FULL_WIDTH / view.width))
    query = query.nprobes(PROBES).refine_factor(math.ceil(candidates / n)).limit(n)
    found = query.select(["_distance"]).with_row_id(True).to_arrow()
    scores = 1.0 - found["_distance"].to_numpy()
    return _best(found["_rowid"].to_numpy(), scores, len(scores))


def words(view: View, text: str, k: int, chosen: Chosen | None) -> Found:
    """By words (BM25)."""
    if not text.strip():
        return []
    table, addresses = view.worded()
    if addresses is None:
        return _grow(lambda n: _matched(table, text, n), view, k, chosen)

    def ask(n: int) -> Found:
        return [(int(addresses[row]), score) for row, score in _matched(table, text, n)]

    return _grow(ask, view, k, chosen)


def _matched(table: Any, text: str, n: int) -> Found:
    from lancedb import query as lance

    match: Any = lance.MatchQuery
    query = table.search(match(text, "text"), query_type="fts").limit(n)
    found = query.select(["_score"]).with_row_id(True).to_arrow()
    return list(zip(found["_rowid"].to_pylist(), found["_score"].to_pylist(), strict=True))


def _grow(ask: Callable[[int], Found], view: View, k: int, chosen: Chosen | None) -> Found:
    """Ask for more until enough of the answers are kept, or all rows were seen."""
    if chosen is None:
        return ask(k)
    kept = view.addresses_of(chosen)
    n = min(view.count, 2 * k * view.count // len(kept) + k)
    while True:
        answer = ask(n)
        good = _among(answer, kept)
        if len(good) >= min(k, len(kept)) or len(answer) < n or n >= view.count:
            return good[:k]
        n = min(view.count, 4 * n)


def _among(answer: Found, kept: Any) -> Found:
    """The answers whose addresses are kept; these are in ascending order."""
    asked = np.array([address for address, _ in answer], np.uint64)
    at = np.minimum(np.searchsorted(kept, asked), len(kept) - 1)
    return [hit for hit, same in zip(answer, kept[at] == asked, strict=True) if same]


def fuse(lists: Sequence[Found], k: int) -> Found:
    """Reciprocal rank fusion: a row scores 1 / (60 + rank) in each list that has it.

    The scores are so scaled that a row which all lists rank first has 1.
    """
    best = (RRF + 1) / len(lists)
    scores: dict[int, float] = {}
    for found in lists:
        for rank, (address, _) in enumerate(found, 1):
            scores[address] = scores.get(address, 0.0) + best / (RRF + rank)
    return sorted(scores.items(), key=lambda hit: -hit[1])[:k]


def _best(addresses: Any, scores: Any, k: int) -> Found:
    if k < len(scores):
        top = np.argpartition(scores, len(scores) - k)[-k:]
        addresses, scores = addresses[top], scores[top]
    order = np.argsort(-scores, kind="stable")
    return list(zip(addresses[order].tolist(), scores[order].tolist(), strict=True))
