"""A folder of documents as a store that can be asked: read, split, embedded, kept up to date."""

from __future__ import annotations

import hashlib
from pathlib import Path

from langchain_core.documents import Document

from llmanager_sdk.rag.chunks import split
from llmanager_sdk.rag.documents import read_folder
from llmanager_sdk.vector_store import ManagedVectorStore


def library(folder: Path, name: str | None = None) -> tuple[ManagedVectorStore, int]:
    """The store of a folder's passages, brought up to date.

    Args:
        folder: of text files.
        name: of the store; derived from the folder's path for None.

    Returns:
        The store, and how many passages it holds. What was embedded before is not embedded again.
    """
    path = str(folder.resolve())
    store = ManagedVectorStore(name or f"docs-{hashlib.sha256(path.encode()).hexdigest()[:10]}")
    passages = {_mark(passage): passage for passage in split(read_folder(folder))}
    known = {document.id for document in store.get_by_ids(list(passages))}
    fresh = {mark: passage for mark, passage in passages.items() if mark not in known}
    store.add_documents(
        [Document(x.page_content, metadata={**x.metadata, "mark": m}) for m, x in fresh.items()],
        ids=list(fresh),
    )
    store.delete(filter={"mark": {"$nin": list(passages)}})
    return store, len(passages)


def _mark(passage: Document) -> str:
    said = "\0".join(
        (passage.metadata["source"], passage.metadata["heading"], passage.page_content)
    )
    return hashlib.sha256(said.encode()).hexdigest()[:32]
