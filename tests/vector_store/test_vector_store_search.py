"""Every way to ask a vector store, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings

from llmanager_sdk import ManagedVectorStore
from llmanager_sdk.errors import (
    ConfigurationError,
    InvalidFilter,
)
from tests.cheap import Cheap
from tests.vector_store.conftest import TEXTS, ids

SEARCHES: list[Callable[..., Any]] = [
    lambda store, **options: store.similarity_search("red apples", **options),
    lambda store, **options: store.similarity_search_with_score("red apples", **options),
    lambda store, **options: store.similarity_search_with_relevance_scores("red", **options),
    lambda store, **options: store.similarity_search_by_vector([1.0] * 16, **options),
    lambda store, **options: store.max_marginal_relevance_search("red apples", **options),
    lambda store, **options: store.max_marginal_relevance_search_by_vector([1.0] * 16, **options),
    lambda store, **options: store.as_retriever(search_kwargs=options).invoke("red apples"),
    lambda store, **options: asyncio.run(store.asimilarity_search("red apples", **options)),
    lambda store, **options: asyncio.run(store.asimilarity_search_with_score("red", **options)),
    lambda store, **options: asyncio.run(store.asimilarity_search_by_vector([1.0] * 16, **options)),
    lambda store, **options: asyncio.run(
        store.amax_marginal_relevance_search("red apples", **options)
    ),
    lambda store, **options: asyncio.run(
        store.amax_marginal_relevance_search_by_vector([1.0] * 16, **options)
    ),
    lambda store, **options: asyncio.run(
        store.asimilarity_search_with_relevance_scores("red", **options)
    ),
]


@pytest.mark.parametrize("search", SEARCHES, ids=range(len(SEARCHES)))
def test_every_search_takes_k_filter_and_way_and_refuses_the_rest(
    store: ManagedVectorStore, search: Callable[..., Any]
) -> None:
    for way in ("dense", "exact", "hybrid"):
        assert len(search(store, k=3, search=way)) == 3
        kept = search(store, k=9, search=way, filter={"color": {"$ne": "red"}})
        documents = [each[0] if isinstance(each, tuple) else each for each in kept]
        assert sorted(document.metadata["n"] for document in documents) == [1, 3]
    with pytest.raises(ConfigurationError, match="k=0"):
        search(store, k=0)
    with pytest.raises(ConfigurationError, match="fliter"):
        search(store, fliter={"n": 1})
    with pytest.raises(ConfigurationError, match="nearest"):
        search(store, search="nearest")
    with pytest.raises(InvalidFilter):
        search(store, filter={"n": {"$near": 1}})


def test_scores_say_how_near(store: ManagedVectorStore) -> None:
    for way in ("dense", "exact"):
        found = store.similarity_search_with_score("red apples", k=4, search=way)
        assert found[0][0].id == "a"
        assert found[0][1] == pytest.approx(1, abs=1e-5)
        assert sorted((score for _, score in found), reverse=True) == [s for _, s in found]
        assert -1 <= found[-1][1] < 1
    for way in ("dense", "exact", "text", "hybrid"):
        found = store.similarity_search_with_relevance_scores("red apples", k=4, search=way)
        assert found[0][0].id == "a"
        assert all(0 <= score <= 1 for _, score in found)
    retriever = store.as_retriever(
        search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.99}
    )
    assert ids(retriever.invoke("red apples")) == ["a"]


def test_words_alone_need_no_embeddings() -> None:
    class Broken(Cheap):
        def embed_query(self, text: str) -> list[float]:
            raise AssertionError("was asked")

    ManagedVectorStore("s", Cheap()).add_texts(TEXTS, ids=list("abcd"))
    store = ManagedVectorStore("s", Broken(), search="text")
    assert set(ids(store.similarity_search("cars"))) == {"c", "d"}
    assert set(ids(asyncio.run(store.asimilarity_search("cars")))) == {"c", "d"}


def test_mmr_prefers_what_is_different() -> None:
    class Flat(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [self.embed_query(text) for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return [float(x) for x in text.split(",")] if "," in text else [1.0, 1.0]

    store = ManagedVectorStore("s", Flat())
    store.add_texts(["1,0", "1,0.01", "0.7,0.7"], ids=["near", "twin", "far"])
    assert ids(store.max_marginal_relevance_search("1,0.001", k=2, lambda_mult=0.3)) == [
        "near",
        "far",
    ]
    assert set(ids(store.max_marginal_relevance_search("1,0.001", k=2, lambda_mult=1))) == {
        "near",
        "twin",
    }
