"""The two histories, each as a function that opens it anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk.aws.history import DynamoHistory
from llmanager_sdk.local.history import SqliteHistory
from llmanager_sdk.ports.history import HistoryStore
from tests.servers import dynamodb

Open = Callable[..., HistoryStore]
"""Opens a history on a namespace of one store: `open_history("main", clock=...)`."""


@pytest.fixture(scope="session")
def dynamodb_url() -> Iterator[str]:
    if lacks := dynamodb.missing():
        pytest.skip(f"DynamoDB Local cannot run here: {lacks} is missing")
    with dynamodb.dynamodb_local() as url:
        yield url


@pytest.fixture
def table(request: pytest.FixtureRequest) -> str:
    """The name of a table of this test's own."""
    return "t" + "".join(c for c in request.node.name if c.isalnum())[:200]


@pytest.fixture(params=["sqlite", "dynamodb"])
def open_history(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "sqlite":

        def open_file(namespace: str, **more: Any) -> HistoryStore:
            return SqliteHistory(tmp_path / "home" / "h.sqlite", namespace, **more)

        return open_file
    client = dynamodb.client(request.getfixturevalue("dynamodb_url"))
    name = request.getfixturevalue("table")

    def open_table(namespace: str, **more: Any) -> HistoryStore:
        return DynamoHistory(name, namespace, client, features=(), **more)

    return open_table


class Keeping:
    """As much of a platform as `ChatHistory` needs.

    Args:
        kept: where its histories are.
    """

    def __init__(self, kept: HistoryStore) -> None:
        self.kept = kept

    def history(self) -> HistoryStore:
        """All sessions."""
        return self.kept


@pytest.fixture
def platform(open_history: Open) -> Any:
    """One for each of the two histories."""
    return Keeping(open_history("main"))
