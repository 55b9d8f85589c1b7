"""LangChain's standard suites for chat models, against the real engine on local."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.conftest import CustomPersister, CustomSerializer, base_vcr_config
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from vcr import VCR

from llmanager_sdk import ManagedLLM


class Declared:
    """What both suites are told of the model: everything that it has."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ManagedLLM

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"idle_timeout": "2m"}

    @property
    def has_tool_calling(self) -> bool:
        return True

    @property
    def has_tool_choice(self) -> bool:
        return True

    @property
    def has_structured_output(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def returns_usage_metadata(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "smollm2-135m"

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> Any:
        model = ManagedLLM(**self.chat_model_params, temperature=0, max_tokens=20)
        prompt = "Repeat: the quick brown fox jumps over the lazy dog, again and again."
        model.invoke(prompt)
        if not stream:
            return model.invoke(prompt)
        chunks = list(model.stream(prompt))
        return sum(chunks[1:], chunks[0])


class TestUnit(Declared, ChatModelUnitTests):
    """Construction, binding, serialisation."""

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"LLMANAGER_API_KEY": "key"}, {}, {"api_key": "key"}


@pytest.mark.xdist_group("chat_standard")
@pytest.mark.usefixtures("shared_home")
class TestIntegration(Declared, ChatModelIntegrationTests):
    """Everything that needs answers."""


@pytest.fixture(scope="module")
def vcr_config(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Recorded anew in each run; the port of an engine differs, so it is not matched."""
    config = dict(base_vcr_config())
    config["match_on"] = ["method", "path", "body"]
    config["cassette_library_dir"] = str(tmp_path_factory.mktemp("cassettes"))
    return config


def pytest_recording_configure(config: Any, vcr: VCR) -> None:
    """Cassettes as LangChain keeps them."""
    vcr.register_persister(CustomPersister())
    vcr.register_serializer("yaml.gz", CustomSerializer())
