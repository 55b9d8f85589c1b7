"""Messages whose id is there: what is repeated is not added, and what is new is never dropped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.language_models.fake_chat_models import (
    FakeMessagesListChatModel,
    GenericFakeChatModel,
)
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.runnables.history import RunnableWithMessageHistory
from langgraph.graph.message import add_messages

from llmanager_sdk import ChatHistory
from llmanager_sdk.ports.history import Stored
from llmanager_sdk.ports.history_keys import digest
from tests.history.clients import Cutting, World, items, store
from tests.history.conftest import Open
from tests.history.test_contract import ids, some
from tests.history.test_dynamodb_crashes import lose
from tests.servers import dynamodb

pytestmark = pytest.mark.xdist_group("dynamodb")


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    return [str(message.content) for message in messages]


def said(id_: str, content: str) -> Stored:
    return Stored(id_, json.dumps({"type": "ai", "data": {"content": content, "id": id_}}))


def test_an_answer_of_a_cache_is_kept_each_time(platform: Any) -> None:
    """It bears the id of the first answer, and counts of tokens that cannot be read."""
    model = GenericFakeChatModel(messages=iter([AIMessage("hello")]), cache=InMemoryCache())
    history = ChatHistory("s", platform=platform)
    told = []
    for _ in range(3):
        turn = [HumanMessage("hi"), model.invoke("hi")]
        told.append(turn[1].id)
        for _ in range(2):
            history.add_messages(turn)
    assert texts(history.messages) == ["hi", "hello"] * 3
    assert [m.id for m in history.messages[1::2]] == told
    assert len(set(told)) == 1, "it is the case that this is about"
    assert history.last(1)[0].usage_metadata is None  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_answers_of_one_id_under_runnable_with_message_history(platform: Any) -> None:
    model = FakeMessagesListChatModel(responses=[AIMessage("hello")])
    chat = RunnableWithMessageHistory(model, lambda name: ChatHistory(name, platform=platform))
    config: Any = {"configurable": {"session_id": "chain"}}
    for _ in range(2):
        chat.invoke([HumanMessage("hi")], config)
        asyncio.run(chat.ainvoke([HumanMessage("hi")], config))
    assert texts(ChatHistory("chain", platform=platform).messages) == ["hi", "hello"] * 4


def test_what_follows_a_new_message_is_new_and_the_call_may_be_repeated(
    open_history: Open,
) -> None:
    history = open_history("main")
    assert history.append("s", some("q1", "a", "a"), None, again=True) == 3
    assert history.append("s", some("q1", "a", "a"), None, again=True) == 0
    assert history.append("s", some("a", "q2", "a"), None, again=True) == 2
    assert history.append("s", some("q2", "a"), None, again=True) == 0
    assert history.append("s", some("q2", "a", "q3", "a"), None, again=True) == 2
    assert history.append("s", some("q3", "a", "q1"), None) == 0
    found = history.read("s")
    kinds = [key.split(":")[0] for key in ids(found)]
    assert kinds == ["q1", "a", "a#again", "q2", "a#again", "q3", "a#again"]
    assert len(set(ids(found))) == 7


def test_another_content_under_a_known_id_is_one_more_message(open_history: Open) -> None:
    history = open_history("main")
    one, two, three = (said("x", text) for text in ("one", "two", "three"))
    assert history.append("s", [one, two, one, two], None) == 2
    for again in (True, False):
        assert history.append("s", [two, one], None, again=again) == 0
    assert history.append("s", [three], None, again=True) == 1
    assert history.append("s", [*some("new"), two], None, again=True) == 2
    assert history.append("s", [*some("new"), two], None, again=True) == 0
    bodies = [x.body for x in history.read("s")]
    assert bodies == [one.body, two.body, three.body, *(x.body for x in some("new")), two.body]
    assert history.read("s")[0].id == "x"


def test_writers_that_repeat_the_same_calls_at_once(open_history: Open) -> None:
    calls = [[*some(f"q{i}"), said("a", "hello"), said("b", str(i))] for i in range(6)]

    def write(writer: int) -> int:
        history = open_history("main")
        order = calls[writer:] + calls[:writer]
        return sum(history.append("s", call, None, again=True) for call in order)

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(write, range(6))) == 18
    found = [x.body for x in open_history("main").read("s")]
    turns = {tuple(found[i : i + 3]) for i in range(0, 18, 3)}
    assert turns == {tuple(x.body for x in call) for call in calls}


@pytest.mark.parametrize("n", range(3))
def test_an_answer_of_dynamodb_that_is_lost(dynamodb_url: str, table: str, n: int) -> None:
    client = dynamodb.client(dynamodb_url)
    store(client, table, World()).append("s", [said("a", "1")], None)
    cutting = Cutting(client, n, lose, after=True)
    history = store(cutting, table, World())
    call = [*some("q"), said("a", "1"), said("a", "2")]
    assert history.append("s", call, None, again=True) == 3
    assert history.append("s", call, None, again=True) == 0
    assert len(history.read("s")) == 4


def test_messages_of_an_older_version_are_known(dynamodb_url: str, table: str) -> None:
    """Their markers have no digest."""
    client = dynamodb.client(dynamodb_url)
    history = store(client, table, World())
    history.append("s", some(1, 2), None)
    for item in items(client, table):
        if item.pop("digest", None):  # type: ignore[attr-defined]
            client.put_item(TableName=table, Item=item)
    assert history.append("s", [*some(1, 2), said("1", "other")], None) == 0
    assert ids(history.read("s")) == ["1", "2"]


def test_the_digest_is_of_what_is_said() -> None:
    def of(message: BaseMessage) -> str:
        return digest(json.dumps({"type": message.type, "data": message.model_dump()}))

    call = {"name": "f", "args": {"x": 1}, "id": "c"}
    first = AIMessage("x", id="1")
    alike = [
        AIMessage("x", id="2", response_metadata={"a": 1}),
        AIMessageChunk(
            "x", usage_metadata={"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        ),
    ]
    others = [HumanMessage("x"), AIMessage("y"), AIMessage("x", tool_calls=[call])]  # type: ignore[list-item]
    assert {of(x) for x in alike} == {of(first)}
    assert of(first) not in {of(x) for x in others}
    assert digest("no json") != digest('{"type": "ai"}')


# -- the bridge


def test_a_state_that_is_stored_twice_adds_nothing(platform: Any) -> None:
    history = ChatHistory("s", platform=platform)
    state = {"messages": [HumanMessage(str(i)) for i in range(4)]}
    assert (history.store(state), history.store(state)) == (4, 0)
    trimmed = {"messages": [HumanMessage("a summary"), *state["messages"][2:]]}
    assert (history.store(trimmed), history.store(trimmed)) == (1, 0)
    assert history.store({"messages": history.messages}) == 0
    assert texts(history.messages) == ["0", "1", "2", "3", "a summary"]


def test_an_agent_sees_answers_of_one_id_as_two(platform: Any) -> None:
    """LangGraph keeps the last of the messages with one id."""
    history = ChatHistory("s", platform=platform)
    for question in ("1", "2"):
        history.add_messages([HumanMessage(question), AIMessage("hello", id="same")])
    assert texts(add_messages([], history.load()["messages"])) == ["1", "hello", "2", "hello"]  # type: ignore[arg-type]
    assert [m.id for m in history.messages[1::2]] == ["same", "same"]
    for state in (history.load(), {"messages": history.messages}):
        assert history.store(state) == 0


def test_what_an_agent_replaced_is_kept_and_the_agent_sees_the_last(platform: Any) -> None:
    history = ChatHistory("s", platform=platform)
    history.store({"messages": [HumanMessage("my card is 4111", id="1"), AIMessage("ok", id="2")]})
    edited = {"messages": [HumanMessage("my card is hidden", id="1"), AIMessage("ok", id="2")]}
    assert (history.store(edited), history.store(edited)) == (1, 0)
    assert texts(history.messages) == ["my card is 4111", "ok", "my card is hidden"]
    seen = add_messages([], history.load()["messages"])  # type: ignore[arg-type]
    assert texts(seen) == ["my card is hidden", "ok"]  # type: ignore[arg-type]


# -- ids


def test_a_message_without_an_id_gets_one_before_anything_is_written(platform: Any) -> None:
    class Failing:
        def append(self, *_: Any, **__: Any) -> int:
            raise TimeoutError

    class Down:
        def history(self) -> Any:
            return Failing()

    message = HumanMessage("hello")
    with pytest.raises(TimeoutError):
        ChatHistory("s", platform=Down()).add_message(message)  # type: ignore[arg-type]
    assert message.id
    history = ChatHistory("s", platform=platform)
    for _ in range(2):
        history.add_message(message)
    assert [m.id for m in history.messages] == [message.id]
