"""The model profile that agents and middleware of LangChain read."""

from __future__ import annotations

from pathlib import Path

from langchain.agents.middleware import SummarizationMiddleware

from llmanager_sdk import ManagedLLM
from llmanager_sdk.catalog.resolve import CHAT_CONTEXT
from llmanager_sdk.local.chat_models import CONTEXT as LOCAL
from llmanager_sdk.resource.profile import CONTEXT
from tests import scripted as play
from tests.scripted import scripted


def test_it_is_there_before_anything_is_looked_up() -> None:
    assert CONTEXT == LOCAL == CHAT_CONTEXT
    assert (ManagedLLM().profile or {})["max_input_tokens"] == CONTEXT
    model = ManagedLLM(context=2048)
    assert (model.profile or {})["max_input_tokens"] == 2048
    copied = model.model_copy(update={"context": 4096})
    assert (copied.profile or {})["max_input_tokens"] == 4096
    SummarizationMiddleware(model=model, trigger=("fraction", 0.8))


def test_it_says_what_the_platform_says(home: Path) -> None:
    model = ManagedLLM()
    told = model.resource.model().profile
    assert (model.profile or {}).items() <= dict(told).items()


def test_of_a_server_that_is_not_ours_it_says_what_the_user_said() -> None:
    with scripted(play.says("x")) as server:
        model = ManagedLLM("m", endpoint_url=server.url)
        assert "max_input_tokens" not in (model.profile or {})
        mine = ManagedLLM("m", endpoint_url=server.url, profile={"max_input_tokens": 7})
        mine.invoke("hello")
        assert mine.profile == {"max_input_tokens": 7}
