"""What a chat face says of its engine is what answers: in copies, and after assignments."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk import ManagedLLM
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.wire import errors
from tests import scripted as play
from tests.scripted import scripted


def test_a_copy_with_another_model_calls_that_model() -> None:
    with scripted(play.says("x")) as server:
        model = ManagedLLM("canned", endpoint_url=server.url, api_key="key")
        model.invoke("hello")
        other = model.model_copy(update={"model": "other"})
        other.invoke("hello")
        assert [each["model"] for each in server.requests] == ["canned", "other"]
        assert "other" in repr(other)
        assert "canned" not in repr(other)


def test_a_copy_with_another_timeout_keeps_it() -> None:
    with scripted(play.says_nothing(30)) as server:
        model = ManagedLLM("canned", endpoint_url=server.url, max_retries=0)
        with pytest.raises(errors.CallTimeout):
            model.model_copy(update={"timeout": 0.2}).invoke("hello")


def test_a_copy_with_another_lifecycle_has_it(home: Path) -> None:
    model = ManagedLLM(idle_timeout=60)
    other = model.model_copy(update={"idle_timeout": 90, "deployment": "mine"})
    assert other.resource.status().idle_timeout == 90
    assert other.resource.status().key == "mine"
    assert model.resource.status().idle_timeout == 60
    with pytest.raises(ConfigurationError, match="idle_timeout"):
        model.model_copy(update={"idle_timeout": "soon"})


def test_a_copy_is_not_held_by_the_block_of_its_original() -> None:
    model = ManagedLLM()
    for each in (copy.copy(model), copy.deepcopy(model), model.model_copy(deep=True)):
        assert each.resource is not model.resource


@pytest.mark.parametrize(
    ("field", "value"), [("model", "other"), ("timeout", 1), ("on_cold", "raise"), ("aws", {})]
)
def test_what_says_which_engine_answers_is_not_assigned(field: str, value: Any) -> None:
    model = ManagedLLM("canned")
    with pytest.raises(ConfigurationError, match="model_copy"):
        setattr(model, field, value)
    model.temperature = 0.5
    assert (model.model, model.temperature) == ("canned", 0.5)
