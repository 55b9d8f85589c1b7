"""Which embeddings are the same model: by what they say of themselves, and by what they make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings

from llmanager_sdk import ManagedVectorStore
from llmanager_sdk.errors import ConfigurationError, EmbeddingMismatch
from tests.cheap import Cheap


class Wrapper(Embeddings):
    """As langchain's CacheBackedEmbeddings: another class, and the same vectors."""

    def __init__(self, inner: Embeddings, model: Any = None) -> None:
        self.inner = inner
        self.model = model

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.inner.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.inner.embed_query(text)


class Says(Cheap):
    """Says what it is told to say."""

    def __init__(self, said: Any) -> None:
        super().__init__()
        self.said = said

    def identity(self) -> Any:
        return self.said


def used(*models: Embeddings) -> None:
    """One store, written and read with each."""
    for model in models:
        store = ManagedVectorStore("s", model)
        store.add_texts(["x"])
        assert len(store.similarity_search("x")) == 1


@pytest.mark.parametrize(
    "wrapper",
    [
        Wrapper(Cheap()),
        Wrapper(Cheap(), "a name"),
        Wrapper(Cheap(), Cheap()),
        Wrapper(Wrapper(Cheap())),
    ],
    ids=["nameless", "named", "its model is no name", "twice"],
)
def test_a_model_behind_a_wrapper_is_the_same_model(wrapper: Wrapper) -> None:
    used(Cheap(), wrapper, Cheap())
    ManagedVectorStore("s").clear()
    used(wrapper, Cheap(), wrapper, Wrapper(Cheap()))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Cheap(), Wrapper(Cheap(salt="other"))),
        (Wrapper(Cheap()), Cheap(salt="other")),
        (Wrapper(Cheap()), Wrapper(Cheap(salt="other"))),
        (Wrapper(Cheap(), "same"), Wrapper(Cheap(salt="other"), "same")),
        (Cheap(16), Wrapper(Cheap(8))),
        (Wrapper(Cheap(), "one"), Wrapper(Cheap(), "another")),
        (Cheap(), Says({"model": "another"})),
        (Says({"model": "m", "prompts": ["a"]}), Says({"model": "m", "prompts": ("b",)})),
        (Says({"model": "m"}), Says({"model": "m", "revision": 1})),
    ],
)
def test_another_model_is_refused_behind_a_wrapper_too(one: Embeddings, other: Embeddings) -> None:
    used(one)
    for wrong in (lambda s: s.add_texts(["y"]), lambda s: s.similarity_search("x")):
        with pytest.raises(EmbeddingMismatch):
            wrong(ManagedVectorStore("s", other))


def test_what_a_model_says_is_compared_as_it_is_kept() -> None:
    said = {"model": "m", "prompts": ("a", "b"), "at": Path("/x"), 1: {"n": (1, 2.5, None)}}
    used(Says(said), Says(said), Says({**said, "prompts": ["a", "b"], "at": "/x"}))


@pytest.mark.parametrize("said", [{"x": object()}, {"x": {1}}, {"x": float("nan")}, None, "minilm"])
def test_what_cannot_be_kept_is_refused_before_anything_is_written(said: Any) -> None:
    store = ManagedVectorStore("s", Says(said))
    with pytest.raises(ConfigurationError, match=r"identity\(\)") as caught:
        store.add_texts(["x"])
    assert caught.value.hint
    assert store.count() == 0
