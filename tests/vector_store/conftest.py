"""A small store, new for each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document

from llmanager_sdk import ManagedVectorStore
from tests.cheap import Cheap

TEXTS = ["red apples", "green apples", "red cars", "blue cars"]
METADATA: list[dict[str, Any]] = [
    {"n": i, "color": text.split()[0]} for i, text in enumerate(TEXTS)
]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMANAGER_HOME", str(tmp_path / "home"))


@pytest.fixture
def store() -> ManagedVectorStore:
    store = ManagedVectorStore("s", Cheap())
    store.add_texts(TEXTS, METADATA, ids=["a", "b", "c", "d"])
    return store


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]
