"""A fake account whose time a test turns, and a namespace in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmanager_sdk.testing.aws import FakeAws
from tests.aws.flows import account
from tests.deploy.stage import Stage
from tests.registry.conftest import dynamodb_url

__all__ = ["dynamodb_url"]


@pytest.fixture
def aws(dynamodb_url: str) -> Iterator[FakeAws]:
    with account(dynamodb_url, creating=25.0, deleting=15.0) as made:
        yield made


@pytest.fixture
def stage(aws: FakeAws, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(aws, tmp_path)
    yield made
    made.scene.close()
