"""LangChain's standard suite for vector stores, sync and async, and its indexing function."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import VectorStoreIntegrationTests

from llmanager_sdk import ManagedVectorStore
from tests.cheap import Cheap


class TestStore(VectorStoreIntegrationTests):
    """Everything: sync, async, get_by_ids."""

    @pytest.fixture
    def vectorstore(self, home: Path) -> Iterator[VectorStore]:
        store = ManagedVectorStore("standard", self.get_embeddings())
        yield store
        store.clear()


def test_index_adds_updates_and_cleans_up(home: Path) -> None:
    store = ManagedVectorStore("indexed", Cheap())
    records = InMemoryRecordManager("test")
    records.create_schema()

    def run(*texts: str) -> dict[str, int]:
        documents = [Document(text, metadata={"source": text[0]}) for text in texts]
        return dict(
            index(
                documents,
                records,
                store,
                cleanup="full",
                source_id_key="source",
                key_encoder="sha256",
            )
        )

    assert run("a1", "b1")["num_added"] == 2
    assert run("a1", "b1")["num_skipped"] == 2
    result = run("a2", "b1")
    assert (result["num_added"], result["num_deleted"], store.count()) == (1, 1, 2)
