"""What is kept can be read; what cannot be read all the same hides nothing."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    ToolMessage,
    message_to_dict,
)

from llmanager_sdk import ChatHistory
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.history_messages import UNREADABLE, unreadable
from llmanager_sdk.ports.history import Stored

pytestmark = pytest.mark.xdist_group("dynamodb")

PARTIAL = {"total_cost": 0}
"""What LangChain's cache leaves in the place of the counts of tokens."""


class Own(BaseMessage):
    type: str = "own"


def deep() -> Any:
    made: list[Any] = []
    for _ in range(3000):
        made = [made]
    return made


def counted(counts: Any, content: str = "hello") -> AIMessage:
    message = AIMessage(content, id="a")
    message.usage_metadata = counts
    return message


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (Own(content="x"), "unexpected message type"),
        (ToolMessage("x", tool_call_id="c", artifact=deep()), "recursion"),
        (ToolMessage("x", tool_call_id="c", artifact=object()), "serializ"),
        (HumanMessage("\ud800"), "surrogate"),
        (HumanMessage("x", additional_kwargs={"a": b"1"}), "bytes"),
    ],
    ids=["own class", "deep", "object", "half a character", "bytes"],
)
def test_what_could_not_be_read_again_is_refused(platform: Any, bad: Any, told: str) -> None:
    history = ChatHistory("s", platform=platform)
    with pytest.raises(ConfigurationError, match="message 1 cannot be kept") as caught:
        history.add_messages([HumanMessage("good"), bad])
    assert told in str(caught.value)
    assert caught.value.hint
    with pytest.raises(ConfigurationError):
        history.store({"messages": [bad]})
    assert history.messages == []


def test_counts_that_cannot_be_read_are_left_out(platform: Any) -> None:
    history = ChatHistory("s", platform=platform)
    message = counted(PARTIAL)
    history.add_message(message)
    assert history.messages == [AIMessage("hello", id="a")]
    assert message.usage_metadata == PARTIAL, "the caller's message stays as it is"
    whole = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    history.add_message(counted(whole, "counted"))
    assert history.last(1)[0].usage_metadata == whole  # type: ignore[attr-defined]


def written(message: BaseMessage) -> str:
    return json.dumps(message_to_dict(message))


def test_messages_that_others_wrote_hide_nothing(
    platform: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bodies = [
        written(HumanMessage("first", id="0")),
        written(Own(content="mine", id="1")),
        written(counted(PARTIAL)),
        "no json {",
        '{"type": "ai"}',
        '{"type": "ai", "data": {"content": 7, "id": "5"}}',
        "[]",
        written(HumanMessage("last", id="7")),
    ]
    stored = [Stored(str(n), body) for n, body in enumerate(bodies)]
    platform.kept.append("s", stored, None)
    history = ChatHistory("s", platform=platform)
    with caplog.at_level(logging.WARNING, "llmanager_sdk"):
        read = history.messages
    expected = ["first", "mine", "hello", *bodies[3:7], "last"]
    assert [m.content for m in read] == expected
    assert [unreadable(m) for m in read] == [n in (1, 3, 4, 5, 6) for n in range(8)]
    assert isinstance(read[2], AIMessage)
    assert [m.id for m in read] == ["0", "1", "a", "3", "4", "5", "6", "7"]
    assert [m.role for m in read if isinstance(m, ChatMessage)] == [
        "user", "user", "assistant", "assistant", "user"
    ]  # fmt: skip
    (warning,) = caplog.messages
    assert "5 of 8 messages cannot be read" in warning
    # A state that holds what stands for them adds nothing, and changes nothing.
    copied = ChatHistory("copy", platform=platform)
    assert history.store({"messages": [m for m in read if m.id != "a"]}) == 0
    copied.add_messages(read)
    assert [m.response_metadata.get(UNREADABLE) for m in copied.messages] == [
        m.response_metadata.get(UNREADABLE) for m in read
    ]


WITHOUT = """
import importlib.abc, sys

class Gone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "langchain_core.chat_history":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Gone())
from langchain_core.messages import AIMessage, HumanMessage
from llmanager_sdk import ChatHistory

assert ChatHistory.__mro__[1] is object
history = ChatHistory("s")
history.add_user_message("hello")
history.add_ai_message("hi")
history.add_user_message(HumanMessage("more"))
history.add_ai_message(AIMessage("bye"))
print([(m.type, m.content) for m in history.messages])
"""


@pytest.mark.usefixtures("home")
def test_it_outlives_its_base_class() -> None:
    """langchain-core 2.0 has no `langchain_core.chat_history`."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    said = [("human", "hello"), ("ai", "hi"), ("human", "more"), ("ai", "bye")]
    assert done.stdout.strip() == repr(said)
