"""`ManagedVectorStore`: a LangChain vector store whose data stay and whose engine needs no care."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.filters import parse
from llmanager_sdk.forks import forget_after_fork
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.ports.rows import rows_of
from llmanager_sdk.ports.vectors import MODES, Dataset, Hit, Mode, Row, check_name
from llmanager_sdk.resource.static import Static
from llmanager_sdk.resource.status import Status
from llmanager_sdk.vectorizer import Vectorizer

COMMIT = 1000
"""Documents that are embedded and written at once, in one commit."""
SEARCH = ("filter", "search")


class ManagedVectorStore(VectorStore):
    """A store of documents, found by meaning, by words, or by both. Making one does no I/O.

    The first document makes it; reading one that is not there finds nothing and makes nothing.
    Every change is on disk when a method returns, and other processes see it with their next
    query. Filters are described in `llmanager_sdk.filters`.

    Args:
        name: of the store: letters, digits, "-", "_" and "."; up to 64.
        embedding: any LangChain embeddings; `ManagedEmbeddings()` for None. What made the first
            vectors is recorded, and another model is refused.
        platform: "local", or a platform object; what the settings say for None.
        search: how questions are answered: "dense" by meaning, "exact" the same with every vector
            compared, "text" by words, "hybrid" by both. Each search may say otherwise.

    Raises:
        ConfigurationError: an argument makes no sense.
    """

    def __init__(
        self,
        name: str,
        embedding: Embeddings | None = None,
        *,
        platform: str | Platform | None = None,
        search: Mode = "dense",
    ) -> None:
        self.name = check_name(name)
        self.search_mode = _mode(search)
        self._embedding = embedding
        self._platform = platform
        self._forget()
        forget_after_fork(self)

    def _forget(self) -> None:
        self._lock = threading.RLock()
        self._bound: tuple[Platform, Dataset] | None = None
        self._vectorizer = Vectorizer(lambda: self.embeddings, self.name)

    def __getstate__(self) -> dict[str, Any]:
        """What the constructor was told."""
        gone = ("_lock", "_bound", "_vectorizer")
        return {name: value for name, value in self.__dict__.items() if name not in gone}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
        forget_after_fork(self)

    def __repr__(self) -> str:
        """What it is and its state, as far as this process knows."""
        state = f"on {self._bound[0].name}" if self._bound is not None else "not used yet"
        return f"ManagedVectorStore({self.name!r}, <{state}>)"

    # -- its parts -----------------------------------------------------------------------------

    def _data(self) -> Dataset:
        with self._lock:
            if self._bound is None:
                platform = resolve(self._platform)
                self._bound = platform, platform.dataset(self.name)
            return self._bound[1]

    @property
    def embeddings(self) -> Embeddings:
        """What makes the vectors."""
        with self._lock:
            if self._embedding is None:
                from llmanager_sdk.embeddings import ManagedEmbeddings

                self._embedding = ManagedEmbeddings(platform=self._platform)
            return self._embedding

    @property
    def resource(self) -> Static:
        """The infrastructure behind it. `stop` frees memory; `destroy` deletes the documents."""
        return Static(
            self._status,
            warm=lambda: self.similarity_search("warm", k=1),
            stop=lambda: self._data().release(),
            destroy=self.clear,
            what=f"all documents of the store {self.name!r}",
        )

    def _status(self) -> Status:
        details = self._data().describe()
        platform = self._bound[0].name if self._bound else ""
        phase = "on disk" if "version" in details else "empty"
        leaves = "stays until it is destroyed"
        return Status(self.name, "dataset", platform, phase, leaves=leaves, details=details)

    # -- writing -------------------------------------------------------------------------------

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        batch_size: int = COMMIT,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, or replace those of the same ids; of equal ids the last one counts.

        Everything is checked before the first is written. A batch is embedded while the one before
        it is written, and each is one commit: after an error or a crash, the same call again
        completes them, and has every document once.

        Args:
            metadatas: one for each text: any JSON values under text keys; a tuple becomes a list.
            ids: one for each text; one that is None, or all of them, is derived from text and
                metadata, so that adding the same again changes nothing.
            batch_size: texts that are embedded and committed at once.

        Returns:
            The ids, in order.

        Raises:
            ConfigurationError, InvalidVector, EmbeddingMismatch, StoreNotWritable.
        """
        rows, parts = _new(texts, metadatas, ids, batch_size, kwargs)
        with ThreadPoolExecutor(1, "llmanager-write") as writer:
            written: Future[None] | None = None
            for part in parts:
                vectors = self._vectorizer.embed([row.text for row in part])
                identity = self._vectorizer.identity()
                if written is not None:
                    written.result()
                written = writer.submit(self._data().add, part, vectors, identity)
            if written is not None:
                written.result()
        return [row.id for row in rows]

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        batch_size: int = COMMIT,
        **kwargs: Any,
    ) -> list[str]:
        """`add_texts`, for asyncio. The disk is written in a thread."""
        rows, parts = await asyncio.to_thread(_new, texts, metadatas, ids, batch_size, kwargs)
        written: asyncio.Task[None] | None = None
        try:
            for part in parts:
                vectors = await self._vectorizer.aembed([row.text for row in part])
                identity = await self._vectorizer.aidentity()
                if written is not None:
                    await written
                data = await asyncio.to_thread(self._data)
                written = asyncio.create_task(asyncio.to_thread(data.add, part, vectors, identity))
        finally:
            if written is not None:
                await written
        return [row.id for row in rows]

    def add_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """Add documents, or replace those of the same ids; see `add_texts`."""
        return self.add_texts(**_told(documents, kwargs))

    async def aadd_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """`add_documents`, for asyncio."""
        return await self.aadd_texts(**_told(documents, kwargs))

    def delete(
        self,
        ids: list[str] | None = None,
        *,
        filter: Any = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> bool | None:
        """Delete by id, by filter, or both, in one commit; ids that are not there are no error.

        Raises:
            ConfigurationError: neither is given; `clear` deletes everything.
        """
        _refuse_unknown(kwargs, "filter")
        where = parse(filter)
        if ids is None and where is None:
            raise ConfigurationError(
                "delete needs ids or a filter", hint="clear() deletes every document"
            )
        self._data().delete(ids, where)
        return True

    async def adelete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """`delete`, for asyncio."""
        return await asyncio.to_thread(lambda: self.delete(ids, **kwargs))

    def clear(self) -> None:
        """Delete every document, and the store with them."""
        self._data().drop()

    async def aclear(self) -> None:
        """`clear`, for asyncio."""
        await asyncio.to_thread(self.clear)

    # -- reading -------------------------------------------------------------------------------

    def count(self) -> int:
        """How many documents there are."""
        return self._data().count()

    async def acount(self) -> int:
        """`count`, for asyncio."""
        return await asyncio.to_thread(self.count)

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents of these ids that exist, in this order."""
        return [_document(row) for row in self._data().get(ids)]

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """`get_by_ids`, for asyncio."""
        return await asyncio.to_thread(self.get_by_ids, ids)

    def _question(self, query: str, options: dict[str, Any]) -> Any:
        mode = self._how(options)
        return None if mode == "text" else self._vectorizer.question(query)

    async def _aquestion(self, query: str, options: dict[str, Any]) -> Any:
        mode = self._how(options)
        return None if mode == "text" else await self._vectorizer.aquestion(query)

    def _how(self, options: dict[str, Any]) -> Mode:
        _refuse_unknown(options, *SEARCH)
        return _mode(options.get("search") or self.search_mode)

    def _find(
        self,
        vector: Any,
        query: str,
        k: int,
        options: dict[str, Any],
        with_vectors: bool = False,
    ) -> list[Hit]:
        """Documents for a question: its vector was made by our own embeddings."""
        mode, where = self._how(options), parse(options.get("filter"))
        if mode != "text":
            self._vectorizer.approve(self._data().identity())
        return self._data().search(vector, query, _positive(k, "k"), where, mode, with_vectors)

    def _near(
        self, vector: Any, k: int, options: dict[str, Any], with_vectors: bool = False
    ) -> list[Hit]:
        """Documents for a vector of unknown origin, which has no words."""
        mode, where = self._how(options), parse(options.get("filter"))
        mode = "exact" if mode == "exact" else "dense"
        return self._data().search(vector, "", _positive(k, "k"), where, mode, with_vectors)

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
        vector = self._vectorizer.question(query)
        hits = self._find(vector, query, max(fetch_k, k), kwargs, True)
        return _different(vector, hits, lambda_mult, k)

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """`max_marginal_relevance_search`, for asyncio."""
        vector = await self._vectorizer.aquestion(query)
        hits = await asyncio.to_thread(self._find, vector, query, max(fetch_k, k), kwargs, True)
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
        hits = self._near(embedding, max(fetch_k, k), kwargs, True)
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
        hits = await asyncio.to_thread(self._near, embedding, max(fetch_k, k), kwargs, True)
        return await asyncio.to_thread(_different, embedding, hits, lambda_mult, k)

    # -- making one ----------------------------------------------------------------------------

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        name: str = "",
        **kwargs: Any,
    ) -> ManagedVectorStore:
        """The store of that name, with these texts added; `name` is needed."""
        store = cls(name, embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        name: str = "",
        **kwargs: Any,
    ) -> ManagedVectorStore:
        """`from_texts`, for asyncio."""
        store = cls(name, embedding, **kwargs)
        await store.aadd_texts(texts, metadatas, ids=ids)
        return store


_RELEVANCE: dict[Mode, Callable[[float], float]] = {
    "dense": lambda score: min(max((score + 1.0) / 2.0, 0.0), 1.0),
    "exact": lambda score: min(max((score + 1.0) / 2.0, 0.0), 1.0),
    "text": lambda score: score / (1.0 + score),
    "hybrid": lambda score: min(score, 1.0),
}
"""From scores to [0, 1], in the same order."""


def _mode(search: Mode) -> Mode:
    if search not in MODES:
        raise ConfigurationError(
            f"search={search!r} is not known", hint=f"use one of {', '.join(MODES)}"
        )
    return search


def _positive(value: int, name: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise ConfigurationError(f"{name}={value!r} must be a whole number from 1 up")
    return value


def _refuse_unknown(options: dict[str, Any], *known: str) -> None:
    """A misspelt `filter` must not find, or delete, what it should have kept out."""
    if unknown := sorted(options.keys() - set(known)):
        raise ConfigurationError(
            f"unknown: {', '.join(f'{name}={options[name]!r}' for name in unknown)}",
            hint=f"known are {', '.join(known)}",
        )


def _new(
    texts: Iterable[str],
    metadatas: Sequence[dict[str, Any]] | None,
    ids: Sequence[str | None] | None,
    batch_size: int,
    unknown: dict[str, Any],
) -> tuple[list[Row], Iterator[list[Row]]]:
    """All rows, and the same in batches."""
    _refuse_unknown(unknown, "metadatas", "ids", "batch_size")
    size = _positive(batch_size, "batch_size")
    rows = rows_of(list(texts), metadatas, ids)
    return rows, (rows[start : start + size] for start in range(0, len(rows), size))


def _told(documents: Sequence[Document], options: dict[str, Any]) -> dict[str, Any]:
    ids = options.get("ids")
    return options | {
        "texts": [each.page_content for each in documents],
        "metadatas": [each.metadata for each in documents],
        "ids": ids if ids is not None else [each.id for each in documents],
    }


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
