"""A fake account on loopback with a real DynamoDB behind it, and a clock that a test turns."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.core.life import Spec
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws
from tests.registry.conftest import dynamodb_url

__all__ = ["dynamodb_url"]

ROLE = "arn:aws:iam::123456789012:role/sagemaker"


class Turned:
    """A clock that moves when somebody sleeps on it, or by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Turned:
    return Turned()


@pytest.fixture
def aws(dynamodb_url: str, clock: Turned) -> Iterator[FakeAws]:
    with FakeAws(dynamodb=dynamodb_url, clock=clock) as account:
        account.rules.creating = 300.0
        account.rules.deleting = 60.0
        account.rules.visible = 5.0
        yield account


Make = Callable[..., AwsPlatform]


@pytest.fixture
def make(aws: FakeAws, clock: Turned, tmp_path: Any) -> Iterator[Make]:
    """Makes platforms of one new namespace: each is another process."""
    namespace = "t" + secrets.token_hex(3)
    made: list[AwsPlatform] = []

    def platform(**settings: Any) -> AwsPlatform:
        wanted = {"namespace": namespace, "role": ROLE, "home": tmp_path, "cap": 50.0, **settings}
        made.append(
            AwsPlatform(
                Settings(**wanted), session=aws.session(), clock=clock, show=lambda plan: None
            )
        )
        return made[-1]

    yield platform
    for each in made:  # nothing is owed to an account that ends with its test
        each.keeper.forget()


BODY: dict[str, Any] = {
    "model": "tiny",
    "hub": "org/tiny",
    "image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:1",
    "environment": {"HF_MODEL_ID": "org/tiny"},
    "instance_types": ["ml.g5.xlarge"],
    "download_timeout_s": 900,
    "health_timeout_s": 900,
    "context": 4096,
    "wire": "openai",
    "price": 1.408,
    "instances": 1,
    "max_instances": 1,
    "role": ROLE,
}


def spec(key: str = "tiny", **body: Any) -> Spec:
    """Of a small deployment."""
    return Spec.of("endpoint", key, {**BODY, **body})
