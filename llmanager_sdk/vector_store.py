"""`ManagedVectorStore`: a LangChain vector store whose data stay and whose engine needs no care."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.filters import parse
from llmanager_sdk.forks import forget_after_fork
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.ports.rows import ids_of, rows_of
from llmanager_sdk.ports.vectors import Dataset, Mode, Row, check_deletion, check_name
from llmanager_sdk.resource.static import Static
from llmanager_sdk.resource.status import Status
from llmanager_sdk.vector_search import Searches, mode_of, positive, refuse_unknown
from llmanager_sdk.vectorizer import Vectorizer, check_embeddings

COMMIT = 1000
"""Documents that are embedded and written at once, in one commit."""


class ManagedVectorStore(Searches):
    """A store of documents, found by meaning, by words, or by both. Making one does no I/O.

    The first document makes it; reading one that is not there finds nothing and makes nothing.
    Every change is on disk when a method returns, and other processes see it with their next
    query. Filters are described in `llmanager_sdk.filters`.

    Args:
        name: of the store: letters, digits, "-", "_" and "."; up to 64.
        embedding: any LangChain embeddings; `ManagedEmbeddings()` for None. What made the first
            vectors is recorded, and another model is refused.
        platform: "local", "aws", or a platform object; what the settings say for None.
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
        self.search_mode = mode_of(search)
        self._embedding = check_embeddings(embedding)
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
                    await asyncio.shield(written)
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
        """Delete by id or by filter, in one commit; ids that are not there are no error.

        Raises:
            ConfigurationError: both are given, or neither; `clear` deletes everything.
        """
        refuse_unknown(kwargs, "filter")
        where = parse(filter)
        named = ids_of(ids) if ids is not None else None
        check_deletion(named, where)
        self._data().delete(named, where)
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


def _new(
    texts: Iterable[str],
    metadatas: Iterable[dict[str, Any]] | None,
    ids: Iterable[str | None] | None,
    batch_size: int,
    unknown: dict[str, Any],
) -> tuple[list[Row], Iterator[list[Row]]]:
    """All rows, and the same in batches."""
    refuse_unknown(unknown, "metadatas", "ids", "batch_size")
    size = positive(batch_size, "batch_size")
    rows = rows_of(texts, metadatas, ids)
    return rows, (rows[start : start + size] for start in range(0, len(rows), size))


def _told(documents: Iterable[Document], options: dict[str, Any]) -> dict[str, Any]:
    documents = list(documents)
    for i, each in enumerate(documents):
        if not isinstance(each, Document):
            raise ConfigurationError(
                f"document {i} is of type {type(each).__name__}, not a Document",
                step="add documents",
                hint="texts are added by add_texts",
            )
    ids = options.get("ids")
    return options | {
        "texts": [each.page_content for each in documents],
        "metadatas": [each.metadata for each in documents],
        "ids": ids if ids is not None else [each.id for each in documents],
    }
