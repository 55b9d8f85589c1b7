"""The three registries, each as a function that opens it anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmanager_sdk.core.ports import Registry
from llmanager_sdk.registry.memory import MemoryRegistry
from llmanager_sdk.registry.sqlite import SqliteRegistry
from llmanager_sdk.registry.typed_dynamodb import DynamoRegistry
from tests.servers import dynamodb

Open = Callable[[str], Registry]
"""Opens a registry on a namespace of one store; several may be open at once."""


@pytest.fixture(scope="session")
def dynamodb_url() -> Iterator[str]:
    if lacks := dynamodb.missing():
        pytest.skip(f"DynamoDB Local cannot run here: {lacks} is missing")
    with dynamodb.dynamodb_local() as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
def open_registry(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "memory":
        made: dict[str, MemoryRegistry] = {}
        return lambda namespace: made.setdefault(namespace, MemoryRegistry(page=100))
    if request.param == "sqlite":
        return lambda namespace: SqliteRegistry(tmp_path / "home" / "r.sqlite", namespace)
    client = dynamodb.client(request.getfixturevalue("dynamodb_url"))
    table = "t" + "".join(c for c in request.node.name if c.isalnum())
    return lambda namespace: DynamoRegistry(table, namespace, client, features=())
