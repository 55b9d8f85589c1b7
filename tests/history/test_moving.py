"""Copies between histories, and the import from the tables of langchain-community."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_to_dict,
    messages_from_dict,
)

from llmanager_sdk.aws.history_import import Imported, convert, import_sessions, plain
from llmanager_sdk.errors import StoreCorrupt, StoreError
from llmanager_sdk.history_messages import sound
from llmanager_sdk.local.history import SqliteHistory
from llmanager_sdk.ports.history import Stored
from llmanager_sdk.ports.history_copy import Copied, copy_sessions
from tests.history.clients import Failing, World, store, waste
from tests.history.conftest import Open
from tests.history.test_contract import ids, names, some
from tests.servers import dynamodb

pytestmark = pytest.mark.xdist_group("dynamodb")


@pytest.fixture
def client(dynamodb_url: str) -> Any:
    return dynamodb.client(dynamodb_url)


# -- copies


def test_a_copy_keeps_ids_order_and_ends_and_may_be_repeated(
    open_history: Open, tmp_path: Any
) -> None:
    clock = World()
    source = open_history("main", clock=clock)
    target = SqliteHistory(tmp_path / "target.sqlite", "other", clock)
    for number in range(105):
        source.append(f"a{number:03}", some(number, "b"), 50.0 if number < 3 else None)
    source.append("b", some(*range(60)), None)
    clock.now += 20
    assert copy_sessions(source, target, ["a*"], clock) == Copied(105, 210, 0)
    assert copy_sessions(source, target, clock=clock) == Copied(106, 60)
    source.append("a004", some("new"), None)
    assert copy_sessions(source, target, clock=clock) == Copied(106, 1)
    assert ids(target.read("a004")) == ["4", "b", "new"]
    assert names(target.sessions(limit=1000)) == names(source.sessions(limit=1000))
    assert [x.expires_at for x in target.sessions(limit=4)] == [clock.now + 30] * 3 + [None]
    assert target.read("b") == source.read("b") == some(*range(60))


def test_some_sessions_in_order_each_once(open_history: Open, tmp_path: Any) -> None:
    source = open_history("main")
    for name in ("a", "ab", "abc", "b", "ba", "c"):
        source.append(name, some(1, 2), None)
    choices = ["b", "ab*", "abc", "nobody", "ab*", "ab"]
    seen: list[str] = []
    target = SqliteHistory(tmp_path / "target.sqlite", "main")
    done = copy_sessions(source, target, choices, told=lambda name, _: seen.append(name))
    assert done == Copied(3, 6, 0, ["nobody"])
    assert seen == names(target.sessions()) == ["ab", "abc", "b"]
    seen.clear()
    done = copy_sessions(
        source, target, choices, after="abc", told=lambda name, _: seen.append(name)
    )
    assert (done, seen) == (Copied(1, 0, 0, ["nobody"]), ["b"])
    done = copy_sessions(source, target, ["a", "zz"], after="b")
    assert done == Copied(0, 0, 0, ["zz"])


@pytest.mark.parametrize("back", [False, True])
def test_a_copy_between_platforms(client: Any, table: str, tmp_path: Any, back: bool) -> None:
    local = SqliteHistory(tmp_path / "h.sqlite", "main")
    cloud = store(Failing(client, 3), table, World())
    source, target = (cloud, local) if back else (local, cloud)
    large = [*some(*range(130)), Stored("large", "x" * 700_000)]
    source.append("s", large, None)
    for new in (131, 0):
        assert copy_sessions(source, target) == Copied(1, new, 0)
        assert target.read("s") == large


@pytest.mark.parametrize("back", [False, True])
def test_a_copy_that_is_repeated_never_shortens_the_life_of_the_target(
    client: Any, table: str, tmp_path: Any, back: bool
) -> None:
    clock, day = World(), 86400.0
    local = SqliteHistory(tmp_path / "h.sqlite", "main", clock)
    cloud = store(client, table, clock)
    source, target = (cloud, local) if back else (local, cloud)
    for name, ttl in (("for ever", None), ("goes on", 30 * day), ("kept there", 30 * day)):
        source.append(name, some(1), ttl)
    copy_sessions(source, target, clock=clock)
    clock.now += 29 * day
    target.append("goes on", some(2), 30 * day)
    target.append("kept there", some(2), math.inf)
    target.append("for ever", some(2), 30 * day)
    assert copy_sessions(source, target, clock=clock) == Copied(3, 0)
    ends = [x.expires_at for x in target.sessions()]
    assert ends == [None, clock.now + 30 * day, None]
    clock.now += 29 * day
    assert [ids(target.read(x)) for x in names(target.sessions())] == [["1", "2"]] * 3
    assert waste(client, table) == []


class Ending(SqliteHistory):
    """Every session ends while it is copied."""

    def read(self, session: str) -> list[Stored]:
        return []


def test_a_session_that_ends_meanwhile_is_counted(tmp_path: Any) -> None:
    source = Ending(tmp_path / "h.sqlite", "main")
    source.append("s", some(1), None)
    assert copy_sessions(source, SqliteHistory(tmp_path / "t.sqlite", "main")) == Copied(0, 0, 1)


# -- imports

MESSAGES: list[BaseMessage] = [
    HumanMessage("ünï 你好"),
    AIMessage(
        "",
        id="run-1",
        tool_calls=[{"name": "f", "args": {"x": [1, None, True], "y": 0.5}, "id": "c"}],
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
    ),
    ToolMessage("42", tool_call_id="c", id="run-1"),
    HumanMessage("yes"),
    HumanMessage("yes"),
]


def attribute(data: Any) -> dict[str, Any]:
    """As a client of boto3 writes it."""
    match data:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": data}
        case int() | float():
            return {"N": str(data)}
        case str():
            return {"S": data}
        case list():
            return {"L": [attribute(each) for each in data]}
        case dict():
            return {"M": {name: attribute(each) for name, each in data.items()}}
    raise AssertionError(data)


def history(messages: list[BaseMessage]) -> dict[str, Any]:
    return attribute([message_to_dict(message) for message in messages])


def foreign(client: Any, table: str, *items: dict[str, Any], key: str = "SessionId") -> None:
    """A table as langchain-community wants it."""
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
    )
    for item in items:
        client.put_item(TableName=table, Item=item)


def test_messages_come_back_as_they_were() -> None:
    made = convert("s", plain(history(MESSAGES)))
    assert len({x.id for x in made}) == 5
    assert made[1].id == "run-1"
    loaded = messages_from_dict([json.loads(x.body) for x in made])
    assert [x.id for x in loaded] == ids(made)
    expected = [m.model_copy(update={"id": x.id}) for m, x in zip(MESSAGES, made, strict=True)]
    assert loaded == expected


def test_ids_are_the_same_each_time_and_when_old_messages_are_dropped() -> None:
    made = convert("s", plain(history(MESSAGES)))
    assert made == convert("s", plain(history(MESSAGES)))
    assert set(ids(convert("s", plain(history(MESSAGES[-1:]))))) <= set(ids(made))
    assert not {made[0].id, made[3].id} & set(ids(convert("t", plain(history(MESSAGES)))))


def test_a_table_is_taken_over(client: Any, table: str, tmp_path: Any) -> None:
    clock = World()
    foreign(
        client,
        table,
        {"SessionId": {"S": "a"}, "History": history(MESSAGES)},
        {"SessionId": {"S": "b"}, "History": history(MESSAGES[:1]), "expireAt": {"N": "1000060"}},
        {"SessionId": {"S": "ended"}, "History": history(MESSAGES), "expireAt": {"N": "999999"}},
        {"SessionId": {"S": "encrypted"}, "History": {"B": b"x"}},
        {"SessionId": {"S": "odd"}, "History": {"L": [{"S": "x"}]}},
        {"SessionId": {"S": "odder"}, "History": {"S": "x"}},
        {"SessionId": {"S": "another thing"}},
        *(
            {"SessionId": {"S": f"l{i}"}, "History": history([HumanMessage("x" * 300_000)])}
            for i in range(5)
        ),
    )
    target = SqliteHistory(tmp_path / "h.sqlite", "main", clock)
    failing = Failing(client, 1)
    draw = failing.random.random
    for new in (11, 0):
        done = import_sessions(failing, table, target, clock=clock, random=draw)
        failed = done.failed
        assert done == Imported(7, new, 1, 1, [], failed)
        assert {name for name, _ in failed} == {"encrypted", "odd", "odder"}
    target.append("b", some("goes on"), 3600.0)
    end = target.sessions("b")[0].expires_at
    assert import_sessions(failing, table, target, clock=clock, random=draw).messages == 0
    assert target.sessions("b")[0].expires_at == end, "it ends no earlier"
    target.clear("b")
    assert import_sessions(failing, table, target, clock=clock, random=draw).messages == 1
    assert len(target.read("a")) == 5
    assert [x.expires_at for x in target.sessions(limit=2)] == [None, 1_000_060.0]


def test_some_sessions_of_a_table(client: Any, table: str, tmp_path: Any) -> None:
    whole = [{"SessionId": {"S": x}, "History": history(MESSAGES)} for x in ("a", "ab", "b")]
    foreign(client, table, *whole)
    target = SqliteHistory(tmp_path / "h.sqlite", "main")
    seen: list[str] = []
    done = import_sessions(
        client,
        table,
        target,
        choices=["a*", "c"],
        told=lambda name, report: seen.append(f"{name}{report.sessions}"),
    )
    assert done == Imported(2, 10, missing=["c"])
    assert {name[:-1] for name in seen} == set(names(target.sessions())) == {"a", "ab"}


def test_other_names_and_keys(client: Any, table: str, tmp_path: Any) -> None:
    item = {"Id": {"S": "x"}, "User": {"S": "u"}, "Log": history(MESSAGES), "End": {"N": "1e10"}}
    foreign(client, table, item, key="Id")
    target = SqliteHistory(tmp_path / "h.sqlite", "main")
    done = import_sessions(client, table, target, key=("User", "Id"), messages="Log", ends="End")
    assert (done.sessions, names(target.sessions())) == (1, ["u/x"])
    assert target.sessions()[0].expires_at == pytest.approx(1e10)


def test_ids_that_are_numbers_long_or_joined(client: Any, table: str, tmp_path: Any) -> None:
    keys = [("x/y", "z"), ("x", "y/z"), ("x%2Fy", "z"), ("n" * 300, "n" * 300)]
    foreign(
        client,
        table,
        *(
            {"Id": {"S": f"{n}"}, "A": {"S": a}, "B": {"S": b}, "History": history(MESSAGES[:1])}
            for n, (a, b) in enumerate(keys)
        ),
        {"Id": {"S": "n"}, "A": {"N": "7"}, "B": {"N": "-1.5"}, "History": history(MESSAGES[:1])},
        {"Id": {"S": "b"}, "A": {"B": b"x"}, "B": {"S": "x"}, "History": history(MESSAGES[:1])},
        {"Id": {"S": "e"}, "A": {"S": ""}, "B": {"S": "x"}, "History": history(MESSAGES[:1])},
        key="Id",
    )
    target = SqliteHistory(tmp_path / "h.sqlite", "main")
    done = import_sessions(client, table, target, key=("A", "B"))
    assert names(target.sessions()) == ["7/-1.5", "x%252Fy/z", "x%2Fy/z", "x/y%2Fz"]
    assert (done.sessions, done.messages, done.others) == (4, 4, 2)
    ((_, why),) = done.failed
    assert "512" in why
    assert names(target.sessions("x/")) == ["x/y%2Fz"]


def test_what_could_not_be_read_again_is_not_taken_over(
    client: Any, table: str, tmp_path: Any
) -> None:
    own = {"type": "own", "data": {"content": "x"}}
    cached = {"type": "ai", "data": {"content": "hi", "usage_metadata": {"total_cost": 0}}}
    human = message_to_dict(HumanMessage("hello"))
    foreign(
        client,
        table,
        {"SessionId": {"S": "bad"}, "History": attribute([human, own])},
        {"SessionId": {"S": "good"}, "History": attribute([human, cached])},
    )
    target = SqliteHistory(tmp_path / "h.sqlite", "main")
    done = import_sessions(client, table, target, sound=sound)
    assert (done.sessions, done.messages) == (1, 2)
    ((name, why),) = done.failed
    assert (name, "message 1" in why) == ("bad", True)
    loaded = messages_from_dict([json.loads(x.body) for x in target.read("good")])
    assert [m.content for m in loaded] == ["hello", "hi"]


def test_a_table_that_is_not_there_is_an_error(client: Any, table: str, tmp_path: Any) -> None:
    with pytest.raises(StoreError, match="ResourceNotFound"):
        import_sessions(client, table, SqliteHistory(tmp_path / "h.sqlite", "main"))


@pytest.mark.parametrize("bad", [None, {}, [1], [{"type": "human"}], [{"type": 1, "data": {}}]])
def test_what_is_no_history_is_refused(bad: Any) -> None:
    with pytest.raises(StoreCorrupt):
        convert("s", bad)
