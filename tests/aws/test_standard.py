"""LangChain's standard suites on aws: real tokens in real frames, from a fake account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from llmanager_sdk import ManagedEmbeddings
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws, LocalEngine, Rules
from tests.aws.clocks import Fast
from tests.aws.flows import ROLE
from tests.chat_model.test_standard import TestIntegration as LocalIntegration
from tests.chat_model.test_standard import TestUnit as LocalUnit
from tests.servers import dynamodb

pytestmark = [
    pytest.mark.xdist_group("aws_standard"),
    pytest.mark.skipif(bool(dynamodb.missing()), reason="DynamoDB Local cannot run here"),
]
_opened = ExitStack()
_made: list[AwsPlatform] = []


def platform() -> AwsPlatform:
    """One account for all of these tests: the suites ask for parameters before any fixture."""
    if not _made:
        tables = _opened.enter_context(dynamodb.dynamodb_local())
        clock = Fast()
        aws = FakeAws(LocalEngine(), dynamodb=tables, rules=Rules(creating=60.0), clock=clock)
        _opened.enter_context(aws)
        settings = Settings(namespace="standard", role=ROLE)
        made = AwsPlatform(settings, session=aws.session(), clock=clock, show=lambda plan: None)
        made.beats.beat("test", 1e6)
        _made.append(made)
    return _made[0]


@pytest.fixture(scope="module", autouse=True)
def _account() -> Iterator[None]:
    yield
    for each in _made:
        each.keeper.forget()
    _opened.close()
    _made.clear()


class TestUnit(LocalUnit):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "qwen3-0.6b", "platform": platform(), "own_tools": False}

    @property
    def model_override_value(self) -> str:
        return "qwen3-4b"


class TestIntegration(LocalIntegration):
    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "qwen3-0.6b", "platform": platform(), "own_tools": False}

    @property
    def model_override_value(self) -> str:
        return "qwen3-4b"


class _Declared:
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return ManagedEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "minilm", "platform": platform()}


class TestEmbeddingsUnit(_Declared, EmbeddingsUnitTests):
    pass


class TestEmbeddingsIntegration(_Declared, EmbeddingsIntegrationTests):
    pass
