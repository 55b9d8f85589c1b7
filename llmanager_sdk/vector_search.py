"""The reading half of a vector store: every way of LangChain's to ask, over one `Dataset`."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.filters import parse
from llmanager_sdk.ports.rows import check_question, ids_of
from llmanager_sdk.ports.vectors import MODES, Dataset, Hit, Mode, Row
from llmanager_sdk.vectorizer import Vectorizer

SEARCH = ("filter", "search")
"""What a search may be told beside its question and k."""


class Searches(VectorStore):
    """What can be asked; `ManagedVectorStore` (in vector_store) says of what.

    Attributes:
        search_mode: how questions are answered unless one says otherwise.
    """

    search_mode: Mode
    _vectorizer: Vectorizer

    @abstractmethod
    def _data(self) -> Dataset:
        """The dataset."""

    @property
    @abstractmethod
    def embeddings(self) -> Embeddings:
        """What makes the vectors."""

    def count(self) -> int:
        """How many documents there are."""
        return self._data().count()

    async def acount(self) -> int:
        """`count`, for asyncio."""
        return await asyncio.to_thread(self.count)

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents of these ids that exist, in this order."""
        return [_document(row) for row in self._data().get(ids_of(ids))]

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """`get_by_ids`, for asyncio."""
        return await asyncio.to_thread(self.get_by_ids, ids)

    def _question(self, query: str, options: dict[str, Any], needed: bool = False) -> Any:
        """The vector of a question; None where none is needed."""
        embeds = self._embeds(query, options) or needed
        return self._vectorizer.question(query) if embeds else None

    async def _aquestion(self, query: str, options: dict[str, Any], needed: bool = False) -> Any:
        embeds = self._embeds(query, options) or needed
        return await self._vectorizer.aquestion(query) if embeds else None

    def _embeds(self, query: str, options: dict[str, Any]) -> bool:
        check_question(query)
        return self._how(options) != "text"

    def _how(self, options: dict[str, Any]) -> Mode:
        refuse_unknown(options, *SEARCH)
        return mode_of(options.get("search") or self.search_mode)

    def _find(
        self,
        vector: Any,
        query: str,
        k: int,
        options: dict[str, Any],
        with_vectors: bool = False,
    ) -> list[Hit]:
        """Documents for a question: its vector, if it has one, was made by our own embeddings."""
        mode, where = self._how(options), parse(options.get("filter"))
        if vector is not None:
            self._vectorizer.approve(self._data().identity())
        return self._data().search(vector, query, positive(k, "k"), where, mode, with_vectors)

    def _near(
        self, vector: Any, k: int, options: dict[str, Any], with_vectors: bool = False
    ) -> list[Hit]:
        """Documents for a vector of unknown origin, which has no words."""
        mode, where = self._how(options), parse(options.get("filter"))
        mode = "exact" if mode == "exact" else "dense"
        return self._data().search(vector, "", positive(k, "k"), where, mode, with_vectors)

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The k best documents, each with its score; higher is better.

        The score is the cosine of the angle, in [-1, 1], for "dense" and "exact"; BM25, from 0 up,
        for "text"; for "hybrid" 1 stands for a document that both ways rank first.

        Args:
            filter: on the metadata; see `llmanager_sdk.filters`.
            search: another way than the store's own.

        Raises:
            ConfigurationError: an argument is unknown or makes no sense.
            InvalidFilter: the filter is not in the documented form.
            EmbeddingMismatch: another model made the store's vectors.
        """
        return _scored(self._find(self._question(query, kwargs), query, k, kwargs))

    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """`similarity_search_with_score`, for asyncio. The disk is read in a thread."""
        vector = await self._aquestion(query, kwargs)
        return _scored(await asyncio.to_thread(self._find, vector, query, k, kwargs))

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The k best documents; see `similarity_search_with_score`."""
        return [found for found, _ in self.similarity_search_with_score(query, k, **kwargs)]

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """`similarity_search`, for asyncio."""
        return [found for found, _ in await self.asimilarity_search_with_score(query, k, **kwargs)]

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """The k documents whose vectors are nearest to one: by meaning, whatever the store's way.

        Args:
            filter: on the metadata.
            search: "exact" to compare every vector.
        """
        return [_document(hit.row) for hit in self._near(embedding, k, kwargs)]

    async def asimilarity_search_by_vector(
        self, embedding: list[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """`similarity_search_by_vector`, for asyncio."""
        hits = await asyncio.to_thread(self._near, embedding, k, kwargs)
        return [_document(hit.row) for hit in hits]

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        relevance = _RELEVANCE[self._how(kwargs)]
        found = self.similarity_search_with_score(query, k, **kwargs)
        return [(document, relevance(score)) for document, score in found]

    async def _asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        relevance = _RELEVANCE[self._how(kwargs)]
        found = await self.asimilarity_search_with_score(query, k, **kwargs)
        return [(document, relevance(score)) for document, score in found]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return _RELEVANCE[self.search_mode]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """The best documents that are not alike: k of the fetch_k best.

        Args:
            lambda_mult: 1 for the best only, 0 for the most different only.
            filter, search: as for `similarity_search_with_score`.
        """
        vector = self._question(query, kwargs, needed=True)
        hits = self._find(vector, query, _fetched(fetch_k, k), kwargs, True)
        return _different(vector, hits, lambda_mult, k)

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """`max_marginal_relevance_search`, for asyncio."""
        vector = await self._aquestion(query, kwargs, needed=True)
        hits = await asyncio.to_thread(
            self._find, vector, query, _fetched(fetch_k, k), kwargs, True
        )
        return await asyncio.to_thread(_different, vector, hits, lambda_mult, k)

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """`max_marginal_relevance_search` for a vector."""
        hits = self._near(embedding, _fetched(fetch_k, k), kwargs, True)
        return _different(embedding, hits, lambda_mult, k)

    async def amax_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """`max_marginal_relevance_search_by_vector`, for asyncio."""
        hits = await asyncio.to_thread(self._near, embedding, _fetched(fetch_k, k), kwargs, True)
        return await asyncio.to_thread(_different, embedding, hits, lambda_mult, k)


def _fetched(fetch_k: int, k: int) -> int:
    return max(positive(fetch_k, "fetch_k"), positive(k, "k"))


def mode_of(search: Mode) -> Mode:
    if search not in MODES:
        raise ConfigurationError(
            f"search={search!r} is not known", hint=f"use one of {', '.join(MODES)}"
        )
    return search


def positive(value: int, name: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name}={value!r} must be a whole number from 1 up")
    return value


def refuse_unknown(options: dict[str, Any], *known: str) -> None:
    """A misspelt `filter` must not find, or delete, what it should have kept out."""
    if unknown := sorted(options.keys() - set(known)):
        raise ConfigurationError(
            f"unknown: {', '.join(f'{name}={options[name]!r}' for name in unknown)}",
            hint=f"known are {', '.join(known)}",
        )


def _document(row: Row) -> Document:
    return Document(id=row.id, page_content=row.text, metadata=dict(row.metadata))


def _scored(hits: Sequence[Hit]) -> list[tuple[Document, float]]:
    return [(_document(hit.row), hit.score) for hit in hits]


def _different(vector: Any, hits: Sequence[Hit], lambda_mult: float, k: int) -> list[Document]:
    import numpy as np

    if not hits:
        return []
    query = np.asarray(vector, np.float32)
    chosen = maximal_marginal_relevance(query, [hit.vector for hit in hits], lambda_mult, k)
    return [_document(hits[i].row) for i in chosen]


_RELEVANCE: dict[Mode, Callable[[float], float]] = {
    "dense": lambda score: min(max((score + 1.0) / 2.0, 0.0), 1.0),
    "exact": lambda score: min(max((score + 1.0) / 2.0, 0.0), 1.0),
    "text": lambda score: score / (1.0 + score),
    "hybrid": lambda score: min(score, 1.0),
}
"""From scores to [0, 1], in the same order."""
