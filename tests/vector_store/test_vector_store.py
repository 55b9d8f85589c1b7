"""The face: what LangChain's users expect of a vector store, and what is refused."""

from __future__ import annotations

import asyncio
import copy
import pickle
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from llmanager_sdk import ManagedVectorStore
from llmanager_sdk.errors import (
    ConfigurationError,
    EmbeddingMismatch,
)
from llmanager_sdk.filters import matches, parse
from tests.cheap import Cheap
from tests.vector_store.conftest import ids


def test_making_one_does_no_io_and_neither_does_its_repr(tmp_path: Path) -> None:
    store = ManagedVectorStore("s")
    assert repr(store) == "ManagedVectorStore('s', <not used yet>)"
    assert isinstance(store.embeddings, Embeddings)
    store.as_retriever()
    assert list(tmp_path.iterdir()) == []
    assert ManagedVectorStore("s", Cheap()).similarity_search("x") == []
    assert list(tmp_path.iterdir()) == []


def test_its_repr_says_where_it_is(store: ManagedVectorStore) -> None:
    assert repr(store) == "ManagedVectorStore('s', <on local>)"


def test_ids_may_be_given_or_left_out(store: ManagedVectorStore) -> None:
    first = store.add_texts(["x", "y"], ids=["x", None])
    assert first[0] == "x"
    assert store.add_texts(["y"]) == first[1:]
    assert store.add_texts(["y"], [{"other": 1}]) != first[1:]
    assert store.count() == 7
    given = [Document("z", id="z"), Document("w")]
    assert store.add_documents(given)[0] == "z"
    assert store.add_documents(given, ids=["1", "2"]) == ["1", "2"]
    assert store.add_texts([]) == []


def test_deleting_needs_to_be_told_what(store: ManagedVectorStore) -> None:
    for wrong in ({}, {"filter": {}}, {"filter": None}):
        with pytest.raises(ConfigurationError, match="ids or a filter"):
            store.delete(**wrong)
    with pytest.raises(ConfigurationError, match="fliter"):
        store.delete(["a"], fliter={"n": 1})
    assert store.count() == 4
    assert store.delete([]) is True
    assert store.delete(["a", "missing"]) is True
    assert store.delete(filter={"color": "red"}) is True
    assert asyncio.run(store.adelete(filter={"n": 99})) is True
    assert asyncio.run(store.adelete(["b"])) is True
    assert ids(store.get_by_ids(["a", "b", "c", "d"])) == ["d"]
    store.clear()
    assert store.count() == 0
    store.clear()


def test_deleting_by_ids_and_a_filter_is_refused_and_both_ways_are_shown(
    store: ManagedVectorStore,
) -> None:
    wanted = {"color": "red"}
    for named in (["a", "b"], []):
        with pytest.raises(ConfigurationError, match="ids and a filter") as caught:
            store.delete(named, filter=wanted)
        with pytest.raises(ConfigurationError):
            asyncio.run(store.adelete(named, filter=wanted))
    assert "delete(filter=...)" in caught.value.hint
    assert store.count() == 4
    both = [x.id for x in store.get_by_ids(["a", "b"]) if matches(parse(wanted), x.metadata)]
    store.delete([name for name in both if name])
    assert ids(store.get_by_ids(["a", "b", "c", "d"])) == ["b", "c", "d"]


def test_another_model_is_refused_when_it_reads_too(store: ManagedVectorStore) -> None:
    other = ManagedVectorStore("s", Cheap(salt="other"))
    for use in (
        lambda: other.similarity_search("x"),
        lambda: other.max_marginal_relevance_search("x"),
        lambda: other.max_marginal_relevance_search("red", search="text"),
        lambda: asyncio.run(other.amax_marginal_relevance_search("red", search="text")),
        lambda: asyncio.run(other.asimilarity_search("x")),
        lambda: other.add_texts(["x"]),
        lambda: asyncio.run(other.aadd_texts(["x"])),
    ):
        with pytest.raises(EmbeddingMismatch) as caught:
            use()
        assert caught.value.hint
    assert ids(other.get_by_ids(["a"])) == ["a"]
    other.clear()
    other.add_texts(["x"])
    with pytest.raises(EmbeddingMismatch):
        store.similarity_search("x")


def test_embeddings_that_say_nothing_of_themselves_are_told_apart_by_a_probe() -> None:
    class Silent(Cheap):
        identity = None  # type: ignore[assignment]

    ManagedVectorStore("s", Silent(salt="1")).add_texts(["x"])
    assert len(ManagedVectorStore("s", Silent(salt="1")).similarity_search("x")) == 1
    with pytest.raises(EmbeddingMismatch, match="another vector"):
        ManagedVectorStore("s", Silent(salt="2")).similarity_search("x")


def test_it_can_be_copied_and_pickled(store: ManagedVectorStore) -> None:
    for again in (copy.copy(store), copy.deepcopy(store), pickle.loads(pickle.dumps(store))):
        assert repr(again) == "ManagedVectorStore('s', <not used yet>)"
        assert ids(again.similarity_search("red apples", k=1)) == ["a"]


def _child(store: ManagedVectorStore, name: str) -> None:
    assert store.similarity_search("red apples", k=1)[0].id == "a"
    store.add_texts([name], ids=[name])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_it_works_in_child_processes(store: ManagedVectorStore, method: Any) -> None:
    child = get_context(method).Process(target=_child, args=(store, method))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert ids(store.similarity_search(method, k=1)) == [method]


def test_it_works_in_several_event_loops_and_does_not_block_them(store: ManagedVectorStore) -> None:
    async def ticking() -> float:
        """The longest pause of the loop while documents are added and searched."""
        longest, done = 0.0, asyncio.Event()
        loop = asyncio.get_running_loop()

        async def tick() -> None:
            nonlocal longest
            while not done.is_set():
                began = loop.time()
                await asyncio.sleep(0.001)
                longest = max(longest, loop.time() - began)

        ticker = asyncio.create_task(tick())
        await store.aadd_texts([str(i) for i in range(200)], batch_size=20)
        found = await asyncio.gather(*(store.asimilarity_search(str(i), k=1) for i in range(20)))
        assert [documents[0].page_content for documents in found] == [str(i) for i in range(20)]
        assert await store.acount() == 204
        done.set()
        await ticker
        return longest

    for _ in range(2):
        assert asyncio.run(ticking()) < 1.0


def test_a_cancelled_add_leaves_whole_batches(store: ManagedVectorStore) -> None:
    async def run() -> None:
        third = asyncio.Event()

        class Slow(Cheap):
            async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
                if texts[0] == "40":
                    third.set()
                    await asyncio.sleep(3600)
                return self.embed_documents(texts)

        adding = asyncio.create_task(
            ManagedVectorStore("s", Slow()).aadd_texts([str(i) for i in range(100)], batch_size=20)
        )
        await third.wait()
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        assert await store.acount() == 44

    asyncio.run(run())


def test_from_texts_and_documents_need_a_name() -> None:
    store = ManagedVectorStore.from_texts(["x"], Cheap(), [{"n": 1}], ids=["1"], name="t")
    assert ids(store.similarity_search("x")) == ["1"]
    again = asyncio.run(ManagedVectorStore.afrom_texts(["y"], Cheap(), ids=["2"], name="t"))
    assert again.count() == 2
    documents = [Document("z", id="3")]
    assert ManagedVectorStore.from_documents(documents, Cheap(), name="t").count() == 3
    with pytest.raises(ConfigurationError, match="name"):
        ManagedVectorStore.from_texts(["x"], Cheap())


@pytest.mark.parametrize("name", ["", "../x", "a b", None])
def test_a_bad_name_is_refused_at_once(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="name of a store"):
        ManagedVectorStore(name)


def test_each_namespace_has_stores_of_its_own(
    store: ManagedVectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMANAGER_NAMESPACE", "s")  # what the store is called, too
    other = ManagedVectorStore("s", Cheap(salt="another model"))
    assert other.count() == 0
    assert other.similarity_search("red apples") == []
    other.add_texts(["x"])
    other.clear()
    assert other.count() == 0
    assert store.count() == 4
    monkeypatch.setenv("LLMANAGER_NAMESPACE", "main")
    assert ManagedVectorStore("s", Cheap()).count() == 4
    assert (tmp_path / "home" / "stores" / "s.lance").is_dir()  # where it always was


def test_its_resource_describes_frees_and_deletes(store: ManagedVectorStore) -> None:
    assert ManagedVectorStore("other", Cheap()).resource.status().phase == "empty"
    status = store.resource.warm()
    assert status.phase == "on disk"
    assert status.details["rows"] == 4
    assert status.details["bytes"] > 0
    assert status.details["embedding"] == "cheap"
    store.resource.stop()
    assert store.count() == 4
    with pytest.raises(ConfigurationError, match="all documents of the store 's'"):
        store.resource.destroy()
    assert store.count() == 4
    assert store.resource.destroy(yes=True).phase == "empty"
    assert store.count() == 0


def test_it_is_a_langchain_vector_store(store: ManagedVectorStore) -> None:
    assert isinstance(store, VectorStore)
    assert ids(store.search("red apples", "similarity", k=1)) == ["a"]
    assert ids(store.search("red apples", "mmr", k=1)) == ["a"]
