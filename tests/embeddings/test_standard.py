"""LangChain's standard suites for embeddings."""

from __future__ import annotations

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from llmanager_sdk import ManagedEmbeddings


class TestUnit(EmbeddingsUnitTests):
    """Construction."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return ManagedEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, object]:
        return {}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, str], dict[str, object]]:
        return {}, {}, {"model": None}


@pytest.mark.usefixtures("home")
class TestIntegration(EmbeddingsIntegrationTests):
    """Vectors of a real model."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return ManagedEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, object]:
        return {}
