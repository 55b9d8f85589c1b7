"""`ManagedVectorStore`: a LangChain vector store whose data stay and whose engine needs no care."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_core.vectorstores.utils import maximal_marginal_relevance

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.filters import Filter, parse
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.ports.vectors import MODES, Dataset, Hit, Mode, Row
from llmanager_sdk.resource.static import Static
from llmanager_sdk.resource.status import Status

COMMIT = 1000
"""Documents that are embedded and written at once, in one commit."""
PROBE = "A probe that tells one embedding model from another."


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
        if not isinstance(name, str) or not name:
            raise ConfigurationError("a store needs a name", hint='ManagedVectorStore("handbook")')
        self.name = name
        self.search_mode = _mode(search)
        self._embedding = embedding
        self._platform = platform
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._bound: tuple[Platform, Dataset] | None = None
        self._identity: Mapping[str, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What the constructor was told."""
        gone = ("_lock", "_bound", "_identity")
        return {name: value for name, value in self.__dict__.items() if name not in gone}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

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

    def _made_by(self, vectors: Any) -> Mapping[str, Any]:
        """What made the vectors: what the model says of itself, and its vector of a known text."""
        if self._identity is None:
            embedding = self.embeddings
            say = getattr(embedding, "identity", None)
            said = dict(say()) if callable(say) else {"model": _described(embedding)}
            said.pop("dimension", None)
            probe = self._embed([PROBE])[0]
            self._identity = said | {"dimension": len(vectors[0]), "probe": _rounded(probe)}
        return self._identity

    def _embed(self, texts: Sequence[str]) -> Any:
        fast = getattr(self.embeddings, "embed_array", None)
        return fast(texts) if callable(fast) else self.embeddings.embed_documents(list(texts))

    def _question(self, query: str, mode: Mode) -> Any:
        return None if mode == "text" else self.embeddings.embed_query(query)

    async def _aquestion(self, query: str, mode: Mode) -> Any:
        return None if mode == "text" else await self.embeddings.aembed_query(query)

    @property
    def resource(self) -> Static:
        """The infrastructure behind it. `destroy` deletes the documents."""
        return Static(
            self._status,
            warm=self._warm,
            stop=lambda: self._data().release(),
            destroy=self.clear,
            what=f"all documents of the store {self.name!r}",
        )

    def _warm(self) -> None:
        self.embeddings.embed_query("warm")
        self._data().count()

    def _status(self) -> Status:
        details = self._data().describe()
        platform = self._bound[0].name if self._bound else ""
        phase = "on disk" if details.get("rows") or "version" in details else "empty"
        leaves = "stays until it is destroyed"
        return Status(self.name, "dataset", platform, phase, leaves=leaves, details=details)

    # -- writing -------------------------------------------------------------------------------

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, or replace those of the same ids.

        Args:
            metadatas: one for each text: any JSON values under text keys.
            ids: one for each text; one that is None, or all of them, is derived from text and
                metadata, so that adding the same again changes nothing.

        Returns:
            The ids, in order. Texts are committed 1,000 at a time, in order; after an error or a
            crash the same call again completes them.

        Raises:
            ConfigurationError, InvalidVector, EmbeddingMismatch, StoreNotWritable.
        """
        rows = _new_rows(list(texts), metadatas, ids)
        for part in _parts(rows):
            self._write(part, self._embed([row.text for row in part]))
        return [row.id for row in rows]

    def _write(self, rows: Sequence[Row], vectors: Any) -> None:
        if len(vectors) != len(rows) or not len(vectors[0]):
            from llmanager_sdk.errors import InvalidVector

            raise InvalidVector(
                f"{len(rows)} texts got {len(vectors)} vectors, the first of "
                f"{len(vectors[0]) if len(vectors) else 0} dimensions",
                resource=self.name,
                step="embed",
                hint="look at the embedding model",
            )
        self._data().add(rows, vectors, self._made_by(vectors))

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """`add_texts`, for asyncio. The disk is written in a thread."""
        rows = _new_rows(list(texts), metadatas, ids)
        fast = getattr(self.embeddings, "aembed_array", None) or self.embeddings.aembed_documents
        for part in _parts(rows):
            vectors = await fast([row.text for row in part])
            await asyncio.to_thread(self._write, part, vectors)
        return [row.id for row in rows]

    def add_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """Add documents, or replace those of the same ids; see `add_texts`."""
        ids = kwargs.pop("ids", None) or [document.id for document in documents]
        texts = [document.page_content for document in documents]
        return self.add_texts(texts, [x.metadata for x in documents], ids=ids, **kwargs)

    async def aadd_documents(self, documents: list[Document], **kwargs: Any) -> list[str]:
        """`add_documents`, for asyncio."""
        ids = kwargs.pop("ids", None) or [document.id for document in documents]
        texts = [document.page_content for document in documents]
        return await self.aadd_texts(texts, [x.metadata for x in documents], ids=ids, **kwargs)

    def delete(
        self,
        ids: list[str] | None = None,
        *,
        filter: Any = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> bool | None:
        """Delete by id, by filter, or both; ids that are not there are no error.

        Raises:
            ConfigurationError: neither is given; `clear` deletes everything.
        """
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
        self._identity = None

    # -- reading -------------------------------------------------------------------------------

    def count(self) -> int:
        """How many documents there are."""
        return self._data().count()

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents of these ids that exist, in this order."""
        return [_document(row) for row in self._data().get(ids)]

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """`get_by_ids`, for asyncio."""
        return await asyncio.to_thread(self.get_by_ids, ids)

    def _find(self, vector: Any, query: str, k: int, filter: Any, mode: Mode) -> list[Hit]:  # noqa: A002
        where: Filter | None = parse(filter)
        if k < 1:
            raise ConfigurationError(f"k={k!r} must be at least 1", step="search")
        return self._data().search(vector, query, k, where, mode)

    def similarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Any = None,  # noqa: A002 - LangChain's name
        search: Mode | None = None,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """The k best documents, each with its score; higher is better.

        The score is the cosine of the angle, in [-1, 1], for "dense" and "exact"; BM25 for "text";
        the sum of reciprocal ranks for "hybrid".
        """
        mode = _mode(search or self.search_mode)
        hits = self._find(self._question(query, mode), query, k, filter, mode)
        return [(_document(hit.row), hit.score) for hit in hits]

    async def asimilarity_search_with_score(
        self,
        query: str,
        k: int = 4,
        *,
        filter: Any = None,  # noqa: A002 - LangChain's name
        search: Mode | None = None,
        **kwargs: Any,
    ) -> list[tuple[Document, float]]:
        """`similarity_search_with_score`, for asyncio. The disk is read in a thread."""
        mode = _mode(search or self.search_mode)
        vector = await self._aquestion(query, mode)
        hits = await asyncio.to_thread(self._find, vector, query, k, filter, mode)
        return [(_document(hit.row), hit.score) for hit in hits]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The k best documents."""
        return [found for found, _ in self.similarity_search_with_score(query, k, **kwargs)]

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """`similarity_search`, for asyncio."""
        return [found for found, _ in await self.asimilarity_search_with_score(query, k, **kwargs)]

    def similarity_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        *,
        filter: Any = None,  # noqa: A002 - LangChain's name
        search: Mode | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The k documents whose vectors are nearest to one."""
        mode = _mode(search or ("exact" if self.search_mode == "exact" else "dense"))
        return [_document(hit.row) for hit in self._find(embedding, "", k, filter, mode)]

    async def asimilarity_search_by_vector(
        self, embedding: list[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """`similarity_search_by_vector`, for asyncio."""
        return await asyncio.to_thread(
            lambda: self.similarity_search_by_vector(embedding, k, **kwargs)
        )

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Scores in [0, 1]: a cosine is moved there, the others stay in order."""
        if self.search_mode in ("dense", "exact"):
            return lambda score: min(max((score + 1.0) / 2.0, 0.0), 1.0)
        return lambda score: score / (1.0 + score) if score > 0 else 0.0

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        *,
        filter: Any = None,  # noqa: A002 - LangChain's name
        **kwargs: Any,
    ) -> list[Document]:
        """The best documents that are not alike: k of the fetch_k nearest.

        Args:
            lambda_mult: 1 for nearest only, 0 for most different only.
        """
        import numpy as np

        hits = self._find(embedding, "", max(fetch_k, k), filter, "dense")
        if not hits:
            return []
        vectors = self._data().vectors([hit.row.id for hit in hits])
        query = np.asarray(embedding, np.float32)
        chosen = maximal_marginal_relevance(query, list(vectors), lambda_mult, k)
        return [_document(hits[i].row) for i in chosen]

    async def amax_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, *args: Any, **kwargs: Any
    ) -> list[Document]:
        """`max_marginal_relevance_search_by_vector`, for asyncio."""
        return await asyncio.to_thread(
            lambda: self.max_marginal_relevance_search_by_vector(embedding, k, *args, **kwargs)
        )

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """`max_marginal_relevance_search_by_vector` for a question."""
        vector = self.embeddings.embed_query(query)
        return self.max_marginal_relevance_search_by_vector(
            vector, k, fetch_k, lambda_mult, **kwargs
        )

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[Document]:
        """`max_marginal_relevance_search`, for asyncio."""
        vector = await self.embeddings.aembed_query(query)
        return await self.amax_marginal_relevance_search_by_vector(
            vector, k, fetch_k, lambda_mult, **kwargs
        )

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
        """A store with these texts; `name` is needed."""
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


def _mode(search: Mode) -> Mode:
    if search not in MODES:
        raise ConfigurationError(
            f"search={search!r} is not known", hint=f"use one of {', '.join(MODES)}"
        )
    return search


def _described(embedding: Embeddings) -> str:
    model = getattr(embedding, "model", None) or getattr(embedding, "model_name", "")
    return f"{type(embedding).__name__}:{model}"


def _rounded(vector: Any) -> list[float]:
    """At unit length, so that machines that differ in the last bits agree."""
    length = sum(float(x) ** 2 for x in vector) ** 0.5 or 1.0
    return [round(float(x) / length, 5) for x in vector]


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), COMMIT):
        yield rows[start : start + COMMIT]


def _new_rows(
    texts: list[str],
    metadatas: list[dict[str, Any]] | None,
    ids: Sequence[str | None] | None,
) -> list[Row]:
    for name, given in (("metadatas", metadatas), ("ids", ids)):
        if given is not None and len(given) != len(texts):
            raise ConfigurationError(
                f"{len(texts)} texts came with {len(given)} {name}",
                step="add texts",
                hint=f"give one of {name} for each text, or none at all",
            )
    rows = []
    for i, text in enumerate(texts):
        metadata = (metadatas[i] if metadatas else None) or {}
        if not isinstance(text, str):
            raise ConfigurationError(f"text {i} is of type {type(text).__name__}, not text")
        if not all(isinstance(key, str) for key in metadata):
            raise ConfigurationError(f"the metadata of text {i} has a key that is not text")
        rows.append(Row(_id(ids[i] if ids else None, text, metadata), text, metadata))
    return rows


def _id(given: str | None, text: str, metadata: Mapping[str, Any]) -> str:
    if given is not None:
        return str(given)
    said = json.dumps([text, metadata], sort_keys=True, default=str)
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _document(row: Row) -> Document:
    return Document(id=row.id, page_content=row.text, metadata=dict(row.metadata))
