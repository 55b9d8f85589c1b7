"""What a conversation keeps, in which order, for how long; on a real file."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.runnables.history import RunnableWithMessageHistory

from llmanager_sdk import ChatHistory
from llmanager_sdk.errors import ConfigurationError, StoreCorrupt, StoreNotWritable
from llmanager_sdk.local.history import SqliteHistory
from llmanager_sdk.ports.history import Stored
from llmanager_sdk.sqlite_file import network_file_system, refuse_network
from tests.history import writers

pytestmark = pytest.mark.usefixtures("home")


class Clock:
    now = 1000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    return [str(message.content) for message in messages]


def test_reading_creates_nothing(home: Path) -> None:
    history = ChatHistory("s")
    assert history.messages == []
    assert history.last(3) == []
    history.clear()
    assert ChatHistory.sessions() == []
    assert not (home / "history.sqlite").exists()


def test_every_kind_of_message_survives() -> None:
    messages: list[BaseMessage] = [
        SystemMessage("be kind", id="0"),
        HumanMessage([{"type": "text", "text": "ünï 你好"}], id="1", name="anna"),
        AIMessage(
            "",
            id="2",
            tool_calls=[{"name": "f", "args": {"x": [1, None]}, "id": "c"}],
            usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
            response_metadata={"finish_reason": "tool_calls"},
            additional_kwargs={"reasoning_content": "hm"},
        ),
        ToolMessage("42", tool_call_id="c", id="3", artifact={"raw": [1]}, status="error"),
        RemoveMessage(id="4"),
    ]
    history = ChatHistory("s")
    history.add_messages(messages)
    assert history.messages == messages


def test_last_limit_and_order() -> None:
    history = ChatHistory("s")
    history.add_messages([HumanMessage(str(i)) for i in range(30)])
    history.add_user_message("30")
    assert texts(history.last(3)) == ["28", "29", "30"]
    assert texts(ChatHistory("s", limit=2).messages) == ["29", "30"]
    assert len(history.last(1000)) == 31
    assert history.last(0) == []


def test_a_message_whose_id_is_there_is_not_added_twice() -> None:
    history = ChatHistory("s")
    message = HumanMessage("once", id="x")
    history.add_message(message)
    history.add_messages([message, HumanMessage("new", id="y")])
    assert texts(history.messages) == ["once", "new"]


def test_sessions_are_listed_in_pages_and_deleted() -> None:
    for name in ("a1", "a2", "b1"):
        ChatHistory(name).add_user_message("hi")
    assert [x.id for x in ChatHistory.sessions("a")] == ["a1", "a2"]
    assert [x.id for x in ChatHistory.sessions(limit=2)] == ["a1", "a2"]
    assert [x.id for x in ChatHistory.sessions(after="a2")] == ["b1"]
    assert ChatHistory.sessions("b")[0].messages == 1
    ChatHistory.delete_session("a1")
    ChatHistory.delete_session("not there")
    assert [x.id for x in ChatHistory.sessions()] == ["a2", "b1"]
    assert ChatHistory("a1").messages == []


def test_a_session_ends_after_its_latest_message(tmp_path: Path) -> None:
    clock = Clock()
    store = SqliteHistory(tmp_path / "h.sqlite", "main", clock)
    store.append("s", [Stored("1", "{}")], 10.0)
    clock.now += 9
    store.append("s", [Stored("2", "{}")], 10.0)
    clock.now += 9
    assert len(store.read("s")) == 2
    clock.now += 2
    assert store.read("s") == store.last("s", 5) == []
    assert store.sessions() == []
    store.append("s", [Stored("3", "{}")], None)
    assert [x.id for x in store.read("s")] == ["3"]


def test_namespaces_do_not_see_each_other(tmp_path: Path) -> None:
    one, two = (SqliteHistory(tmp_path / "h.sqlite", name) for name in ("one", "two"))
    one.append("s", [Stored("1", "{}")], None)
    assert two.read("s") == two.sessions() == []


@pytest.mark.parametrize("bad", ["x", None, object()])
def test_what_is_no_message_is_refused_and_nothing_is_added(bad: Any) -> None:
    history = ChatHistory("s")
    with pytest.raises(ConfigurationError, match="message 1"):
        history.add_messages([HumanMessage("good"), bad])
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        history.add_message(ToolMessage("x", tool_call_id="c", artifact=object()))
    assert history.messages == []


@pytest.mark.parametrize("bad", ["", None, 7, "x" * 513])
def test_absurd_session_ids_are_refused(bad: Any) -> None:
    with pytest.raises(ConfigurationError, match="session_id"):
        ChatHistory(bad)


def test_absurd_options_are_refused() -> None:
    for options in ({"limit": 0}, {"ttl": "soon"}, {"ttl": -1}):
        with pytest.raises(ConfigurationError):
            ChatHistory("s", **options)  # type: ignore[arg-type]


def test_a_large_message_is_fine() -> None:
    history = ChatHistory("s")
    history.add_user_message("x" * 10_000_000)
    assert len(str(history.last(1)[0].content)) == 10_000_000


def test_copies_and_pickles_are_the_same_conversation() -> None:
    history = ChatHistory("s", ttl="1h", limit=5)
    history.add_user_message("hi")
    for other in (copy.copy(history), copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert texts(other.messages) == ["hi"]
        assert (other.ttl, other.limit, repr(other)) == (3600.0, 5, "ChatHistory('s')")


def test_async_twins_in_several_loops() -> None:
    async def talk(text: str) -> list[BaseMessage]:
        history = ChatHistory("s")
        await history.aadd_messages([HumanMessage(text)])
        assert await history.alast(1)
        return await history.aget_messages()

    assert len(asyncio.run(talk("one"))) == 1
    assert len(asyncio.run(talk("two"))) == 2
    asyncio.run(ChatHistory("s").aclear())
    assert ChatHistory("s").messages == []


def test_many_processes_keep_each_writers_order() -> None:
    writers.crowd("crowd", 8, 25)
    assert writers.disorder("crowd") == (200, 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_works_under_runnable_with_message_history() -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("hello"), AIMessage("again")]))
    chat = RunnableWithMessageHistory(model, ChatHistory)
    config = {"configurable": {"session_id": "chain"}}
    chat.invoke([HumanMessage("hi")], config)  # type: ignore[arg-type]
    chat.invoke([HumanMessage("more")], config)  # type: ignore[arg-type]
    assert texts(ChatHistory("chain").messages) == ["hi", "hello", "more", "again"]


def test_the_bridge_to_an_agent_keeps_what_is_new() -> None:
    from langchain.agents import create_agent

    history = ChatHistory("thread")
    for answer in ("first", "second"):
        model = GenericFakeChatModel(messages=iter([AIMessage(answer)]))
        question = HumanMessage(f"question before {answer}")
        state = create_agent(model, []).invoke({"messages": [*history.messages, question]})
        assert history.store(state) == 2
    assert texts(history.load()["messages"])[1::2] == ["first", "second"]
    assert asyncio.run(history.astore({"messages": history.messages})) == 0
    assert len(asyncio.run(history.aload())["messages"]) == 4


def test_a_file_that_is_no_database_says_so(home: Path) -> None:
    (home / "history.sqlite").write_text("this is not a database, but long enough to be read")
    with pytest.raises(StoreCorrupt, match=r"history\.sqlite"):
        _ = ChatHistory("s").messages


MOUNTS = """\
22 1 0:21 / / rw - ext4 /dev/vda rw
31 22 0:30 / /home rw - nfs4 server:/home rw
32 31 0:31 / /home/me/local rw - xfs /dev/vdb rw
33 22 0:33 / /mnt/my\\040disk rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/tmp/x", ""),
        ("/home/me/x.sqlite", "nfs4"),
        ("/home/me/local/x.sqlite", ""),
        ("/homestead/x", ""),
        ("/mnt/my disk/x", "fuse.sshfs"),
    ],
)
def test_a_network_file_system_is_noticed(path: str, kind: str) -> None:
    assert network_file_system(Path(path), lambda: MOUNTS) == kind
    if kind:
        with pytest.raises(StoreNotWritable, match=kind):
            refuse_network(Path(path), lambda: MOUNTS)


def test_sessions_are_listed_and_deleted_by_asyncio_too() -> None:
    async def told() -> tuple[list[str], list[str]]:
        await ChatHistory("a").aadd_messages([HumanMessage("hi")])
        before = [each.id for each in await ChatHistory.asessions(limit=5)]
        await ChatHistory.adelete_session("a")
        return before, [each.id for each in await ChatHistory.asessions()]

    assert asyncio.run(told()) == (["a"], [])
