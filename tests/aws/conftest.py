"""A fake account on loopback with a real DynamoDB behind it, and a clock that a test turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.clocks import Turned
from tests.aws.flows import Scene, account
from tests.registry.conftest import dynamodb_url

__all__ = ["dynamodb_url"]

Make = Callable[..., AwsPlatform]


@pytest.fixture
def aws(dynamodb_url: str) -> Iterator[FakeAws]:
    with account(dynamodb_url) as made:
        yield made


@pytest.fixture
def clock(aws: FakeAws) -> Turned:
    assert isinstance(aws.clock, Turned)
    return aws.clock


@pytest.fixture
def scene(aws: FakeAws, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(aws, tmp_path, role="user")
    yield made
    made.close()


@pytest.fixture
def make(scene: Scene) -> Make:
    """Makes platforms of one new namespace: each is another process."""
    return scene.process
