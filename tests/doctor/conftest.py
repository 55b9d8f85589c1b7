"""The fake account of the tests of aws, and one that lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.conftest import aws, clock, make
from tests.aws.flows import Scene
from tests.registry.conftest import dynamodb_url

__all__ = ["aws", "clock", "dynamodb_url", "make"]


@pytest.fixture
def scene(aws: FakeAws, tmp_path: Path) -> Iterator[Scene]:
    """Seen by those who may also mend."""
    made = Scene(aws, tmp_path, role="operator")
    yield made
    made.close()


@pytest.fixture
def platform(scene: Scene) -> AwsPlatform:
    """A process in an account where the Lambda swept just now."""
    made = scene.process()
    made.beats.beat("lambda")
    return made
