"""Search among 100,000 vectors, against lancedb's own scan, faiss-cpu flat and chroma, in one run.

Vectors are noised copies of 6,000 real ones; p50 of a query, in milliseconds. `quality` asks the
6,000 real passages known questions.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import passages
from benchmarks.harness import Row
from llmanager_sdk.filters import Compare, Filter
from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.ports.vectors import Mode
from llmanager_sdk.ports.vectors import Row as Document

COUNT = 100_000
MORE = 10_000
QUERIES = 60
K = 10
IDENTITY = {"model": "bench"}
FILTER = Compare("bucket", "=", 7)
"""Keeps 1 %."""


@dataclass(frozen=True)
class Measured:
    """One way to search: the p50 in milliseconds, and the share of the true neighbours found."""

    p50: float
    recall: float


def documents(start: int, end: int) -> list[Document]:
    """Rows whose bucket is one of 100."""
    return [Document(str(i), f"text {i}", {"bucket": i % 100}) for i in range(start, end)]


def truth(matrix: Any, queries: Any, kept: Any | None) -> list[set[str]]:
    """The ids of the true neighbours."""
    scores = queries @ matrix.T
    if kept is not None:
        scores[:, ~kept] = -9
    return [set(map(str, np.argpartition(-row, K)[:K])) for row in scores]


def measure(
    search: Callable[[Any], Sequence[str]], queries: Any, expected: list[set[str]]
) -> Measured:
    """Every query once, after one that warms up."""
    search(queries[0])
    times, found = [], 0
    for query, ids in zip(queries, expected, strict=True):
        began = time.perf_counter()
        hits = search(query)
        times.append(time.perf_counter() - began)
        found += len(ids & set(hits))
    return Measured(statistics.median(times) * 1e3, found / (K * len(queries)))


def ours(dataset: LanceDataset, mode: Mode, where: Filter | None) -> Callable[[Any], list[str]]:
    """A search of ours."""
    return lambda query: [hit.row.id for hit in dataset.search(query, "", K, where, mode)]


def scan(path: Path, where: bool) -> Callable[[Any], list[str]]:
    """lancedb's own scan, over a plain table with the bucket as a column."""
    os.environ.setdefault("LANCE_LOG", "error")
    import lancedb

    table = lancedb.connect(path).open_table("plain")

    def search(query: Any) -> list[str]:
        asked = table.search(query).distance_type("cosine").limit(K).select(["id", "_distance"])
        found = (asked.where("bucket = 7", prefilter=True) if where else asked).to_arrow()
        ids: list[str] = found["id"].to_pylist()
        return ids

    return search


def plain_table(path: Path, matrix: Any) -> None:
    """The peer's table."""
    import lancedb
    import pyarrow as pa

    data = pa.table(
        {
            "id": pa.array([str(i) for i in range(len(matrix))]),
            "bucket": pa.array([i % 100 for i in range(len(matrix))], pa.int32()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), matrix.shape[1]),
        }
    )
    lancedb.connect(path).create_table("plain", data=data)


def flat(matrix: Any) -> Callable[[Any], list[str]]:
    """faiss-cpu's exact search, in memory."""
    import faiss

    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    return lambda query: [str(i) for i in index.search(query[None], K)[1][0]]


def chroma(path: Path, matrix: Any) -> Callable[[Any], list[str]] | None:
    """chroma, if it is installed."""
    try:
        import chromadb
    except ImportError:
        return None
    settings = chromadb.Settings(anonymized_telemetry=False)
    client = chromadb.PersistentClient(str(path / "chroma"), settings)
    found = client.create_collection("bench", metadata={"hnsw:space": "cosine"})
    for start in range(0, len(matrix), 5000):
        part = matrix[start : start + 5000]
        found.add(ids=[str(i) for i in range(start, start + len(part))], embeddings=part)
    return lambda query: list(found.query(query_embeddings=query[None], n_results=K)["ids"][0])


def compared() -> Iterator[tuple[str, Measured, Measured | None, str]]:
    """Name, ours, theirs, and who they are; before and after 10 % more rows and `optimize`."""
    real = passages.vectors([x.text for x in passages.sample()])
    matrix = passages.noised(real, COUNT + MORE, seed=1).astype(np.float32)
    queries = passages.noised(real, QUERIES, seed=2).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        dataset = LanceDataset(home / "stores", "bench")
        for start in range(0, COUNT, 5000):
            rows = documents(start, start + 5000)
            dataset.add(rows, matrix[start : start + 5000], IDENTITY)
        dataset.optimize()
        yield from _round("100,000", home, dataset, matrix[:COUNT], queries)
        for start in range(COUNT, COUNT + MORE, 5000):
            rows = documents(start, start + 5000)
            dataset.add(rows, matrix[start : start + 5000], IDENTITY)
        dataset.optimize()
        yield from _round("after 10 % more and optimize", home, dataset, matrix, queries)


def _round(
    when: str, home: Path, dataset: LanceDataset, matrix: Any, queries: Any
) -> Iterator[tuple[str, Measured, Measured | None, str]]:
    place = home / f"plain-{len(matrix)}"
    plain_table(place, matrix)
    kept = np.arange(len(matrix)) % 100 == 7
    everything, some = truth(matrix, queries, None), truth(matrix, queries, kept)
    for name, where, expected in (("all rows", None, everything), ("1 % filter", FILTER, some)):
        theirs = measure(scan(place, where is not None), queries, expected)
        mine = measure(ours(dataset, "dense", where), queries, expected)
        yield f"default, {name}, {when}", mine, theirs, "lancedb's own scan"
    theirs = measure(flat(matrix), queries, everything)
    mine = measure(ours(dataset, "exact", None), queries, everything)
    yield f"exact, all rows, {when}", mine, theirs, "faiss-cpu flat"
    if len(matrix) == COUNT and (other := chroma(home, matrix)) is not None:
        mine = measure(ours(dataset, "dense", None), queries, everything)
        yield f"default, all rows, {when}", mine, measure(other, queries, everything), "chroma"


_SECOND = """
import sys
from pathlib import Path
import numpy as np
from benchmarks.bench_vectors import IDENTITY
from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.ports.vectors import Row
vector = np.ones((1, 384), np.float32)
LanceDataset(Path(sys.argv[1]), "bench").add([Row("second", "second", {})], vector, IDENTITY)
"""


def second_process() -> bool:
    """Whether the next query sees what another process has just added."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = LanceDataset(Path(folder), "bench")
        dataset.add(documents(0, 10), np.eye(10, 384, dtype=np.float32), IDENTITY)
        query = np.ones(384, np.float32)
        before = [hit.row.id for hit in dataset.search(query, "", 1, None, "dense")]
        subprocess.run([sys.executable, "-c", _SECOND, folder], check=True)
        after = [hit.row.id for hit in dataset.search(query, "", 1, None, "dense")]
        return before != ["second"] and after == ["second"]


def quality(count: int = 300, seed: int = 42) -> dict[str, float]:
    """Recall@5 of known-item questions over the real passages, by mode."""
    from llmanager_sdk.local.encoder import resolve_encoder
    from llmanager_sdk.settings import Settings

    chosen = passages.sample()
    texts = [x.text for x in chosen]
    asked = passages.questions(chosen, count, seed)
    vectors = resolve_encoder(None, Settings()).encode([text for text, _ in asked], query=True)
    with tempfile.TemporaryDirectory() as folder:
        dataset = LanceDataset(Path(folder), "quality")
        rows = [Document(str(i), text, {}) for i, text in enumerate(texts)]
        dataset.add(rows, passages.vectors(texts), IDENTITY)
        dataset.optimize()
        found = {}
        modes: tuple[Mode, ...] = ("dense", "text", "hybrid")
        for mode in modes:
            right = 0
            for (text, answer), vector in zip(asked, vectors, strict=True):
                hits = dataset.search(vector, text, 5, None, mode)
                right += str(answer) in [hit.row.id for hit in hits]
            found[str(mode)] = right / count
    return found


def rows() -> Iterator[Row]:
    """p50 against each peer."""
    for name, mine, theirs, peer in compared():
        goal = {"lancedb's own scan": 0.15, "faiss-cpu flat": 3.0}.get(peer, float("inf"))
        assert theirs is not None
        yield Row(f"{name} (recall {mine.recall:.3f})", mine.p50, theirs.p50, peer, "ms", goal)
