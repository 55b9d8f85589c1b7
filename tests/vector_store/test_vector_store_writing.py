"""What stays of a write when its embeddings or its disk fail half-way."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk import ManagedVectorStore
from llmanager_sdk.errors import (
    InvalidVector,
    StoreNotWritable,
)
from tests.cheap import Cheap


class Broken(Cheap):
    """Fails, or gives wrong vectors, after a while."""

    def __init__(self, after: int, vectors: Any) -> None:
        super().__init__()
        self.left = after
        self.vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.left -= len(texts)
        if self.left >= 0:
            return super().embed_documents(texts)
        if isinstance(self.vectors, Exception):
            raise self.vectors
        found: list[list[float]] = self.vectors
        return found


@pytest.mark.parametrize("use_async", [False, True])
@pytest.mark.parametrize("wrong", [OSError("no network"), [], [[]] * 10, [[1.0] * 16] * 9])
def test_what_was_written_before_embeddings_fail_is_whole_batches(
    wrong: Any, use_async: bool
) -> None:
    broken = ManagedVectorStore("s", Broken(35, wrong))
    texts = [str(i) for i in range(100)]
    with pytest.raises((OSError, InvalidVector)):
        if use_async:
            asyncio.run(broken.aadd_texts(texts, batch_size=10))
        else:
            broken.add_texts(texts, batch_size=10)
    store = ManagedVectorStore("s", Cheap())
    assert store.count() in (20, 30)
    store.add_texts(texts, batch_size=10)
    assert store.count() == 100


def test_a_write_that_fails_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    store = ManagedVectorStore("s", Cheap())
    for size in (1, 10):
        with pytest.raises(StoreNotWritable):
            store.add_texts([str(i) for i in range(10)], batch_size=size)
        with pytest.raises(StoreNotWritable):
            asyncio.run(store.aadd_texts([str(i) for i in range(10)], batch_size=size))


def test_embedding_goes_on_while_the_batch_before_is_written() -> None:
    """The embeddings wait for the write, which would never come if it was not at the same time."""
    written = threading.Event()

    class Waits(Cheap):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if texts == ["2"]:
                assert written.wait(30)
            return super().embed_documents(texts)

    store = ManagedVectorStore("s", Waits())
    data = store._data()

    def watch() -> None:
        while data.count() < 2:
            pass
        written.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    store.add_texts(["0", "1", "2"], batch_size=1)
    watcher.join(60)
    assert store.count() == 3


def test_texts_may_come_from_a_generator_and_are_not_held_twice() -> None:
    class Constant(Cheap):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[1.0, 0.5]] * len(texts)

    def texts() -> Iterator[str]:
        for i in range(3000):
            yield f"{i}" + "x" * 10_000

    store = ManagedVectorStore("s", Constant())
    store.add_texts(["first"])
    tracemalloc.start()
    store.add_texts(texts(), batch_size=200)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert store.count() == 3001
    assert most < 1.5 * 3000 * 10_000
