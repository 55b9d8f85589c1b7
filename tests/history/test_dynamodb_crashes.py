"""A writer that dies at any of its writes, or that sleeps there while others go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from llmanager_sdk.aws.history import DynamoHistory
from llmanager_sdk.aws.history_append import DEAD_S
from llmanager_sdk.ports.history import Stored
from tests.history.clients import (
    WRITES,
    Around,
    Call,
    Cutting,
    Failing,
    Killed,
    World,
    items,
    kill,
    store,
    waste,
)
from tests.history.test_contract import ids, some
from tests.servers import dynamodb

pytestmark = pytest.mark.xdist_group("dynamodb")

DAY = 86400.0
OLD = [str(i) for i in range(30)]
MANY = [f"many {i}" for i in range(110)]
LARGE = Stored("large", "x" * 800_000)

Operation = Callable[[DynamoHistory], object]


def append_many(history: DynamoHistory) -> object:
    return history.append("s", [*some(*MANY), LARGE], None)


def append_with_an_end(history: DynamoHistory) -> object:
    return history.append("s", some("end"), 10 * DAY)


def clear(history: DynamoHistory) -> object:
    return history.clear("s")


@pytest.fixture
def client(dynamodb_url: str) -> Any:
    return dynamodb.client(dynamodb_url)


@pytest.fixture
def anew(client: Any, table: str) -> Callable[[bool], World]:
    """Makes the session `s` anew, with 30 messages or without any."""

    def make(old: bool) -> World:
        clock = World()
        history = store(client, table, clock)
        history.append("other", some(1), None)
        history.clear("s")
        if old:
            history.append("s", some(*OLD), None)
        return clock

    return make


def cuts() -> Iterator[tuple[int, bool]]:
    """Every write, from the first one: before it, and after it."""
    for n in range(100):
        yield n, False
        yield n, True
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("operation", [append_many, append_with_an_end, clear])
def test_death_at_any_write_leaves_all_or_nothing(
    client: Any, table: str, anew: Callable[[bool], World], operation: Operation, old: bool
) -> None:
    for n, after in cuts():
        clock = anew(old)
        before = OLD if old else []
        cutting = Cutting(client, n, kill, after=after)
        with suppress(Killed):
            operation(store(cutting, table, clock))
        if not cutting.cut:
            break
        history = store(client, table, clock)
        whole = {append_many: [*MANY, "large"], append_with_an_end: ["end"], clear: []}[operation]
        possible = [before, [] if operation is clear else before + whole]
        found = ids(history.read("s"))
        assert found in possible
        assert ids(history.last("s", 3)) == found[-3:]
        assert [x.messages for x in history.sessions("s")] == ([len(found)] if found else [])
        # Who comes next goes on, and tidies up.
        assert history.append("s", some("next"), None) == 1
        assert ids(history.read("s")) == [*found, "next"]
        if operation is not clear:
            assert waste(client, table) == []
        history.clear("s")
        assert len(items(client, table)) == 4, "what is left is the other session"


@pytest.mark.parametrize("operation", [append_many, append_with_an_end, clear])
def test_a_repeated_call_finishes_what_died(
    client: Any, table: str, anew: Callable[[bool], World], operation: Operation
) -> None:
    for n, after in cuts():
        clock = anew(True)
        cutting = Cutting(client, n, kill, after=after)
        try:
            operation(store(cutting, table, clock))
        except Killed:
            operation(store(client, table, clock))
        assert waste(client, table) == []
        expected = {append_many: [*OLD, *MANY, "large"], append_with_an_end: [*OLD, "end"]}
        assert ids(store(client, table, clock).read("s")) == expected.get(operation, [])
        if not cutting.cut:
            break


def meanwhile_append(history: DynamoHistory) -> None:
    assert history.append("s", some("meanwhile"), None) == 1


def meanwhile_append_many(history: DynamoHistory) -> None:
    assert history.append("s", some(*(f"m{i}" for i in range(80))), DAY) == 80


def meanwhile_append_with_a_later_end(history: DynamoHistory) -> None:
    assert history.append("s", some("meanwhile"), 30 * DAY) == 1


def meanwhile_begin_anew(history: DynamoHistory) -> None:
    """As many writes as the session had before: only its generation tells it apart."""
    history.clear("s")
    assert history.append("s", some("meanwhile"), None) == 1


def meanwhile_read(history: DynamoHistory) -> None:
    found = ids(history.read("s"))
    assert found in (OLD, [*OLD, *MANY, "large"], [*OLD, "end"], [])


MEANWHILE = [
    meanwhile_append,
    meanwhile_append_many,
    meanwhile_append_with_a_later_end,
    meanwhile_begin_anew,
    meanwhile_read,
    clear,
]


@pytest.mark.parametrize("calls", [WRITES, ("get_item", "query", "batch_get_item")], ids="wr")
@pytest.mark.parametrize("meanwhile", MEANWHILE)
@pytest.mark.parametrize("operation", [append_many, append_with_an_end, clear])
def test_whatever_happens_between_two_calls(
    client: Any,
    table: str,
    anew: Callable[[bool], World],
    operation: Operation,
    meanwhile: Callable[[DynamoHistory], None],
    calls: tuple[str, ...],
) -> None:
    """Others take a sleeping writer for dead; it notices when it wakes up."""
    for n, after in cuts():
        clock = anew(True)
        other = store(client, table, clock, seed=2)

        def cut(other: DynamoHistory = other) -> None:
            meanwhile(other)

        cutting = Cutting(client, n, cut, after=after, calls=calls)
        done = operation(store(cutting, table, clock))
        found = ids(other.read("s"))
        assert len(found) == len(set(found))
        assert [x.messages for x in other.sessions("s")] == ([len(found)] if found else [])
        check_order(found)
        assert waste(client, table) == []
        if meanwhile not in (clear, meanwhile_begin_anew) and operation is not clear:
            own = [*MANY, "large"] if operation is append_many else ["end"]
            assert done == len(own)
            assert set(found) >= {*OLD, *own}
        if meanwhile not in (meanwhile_read, clear) and cutting.cut and operation is not clear:
            assert "meanwhile" in found or "m79" in found
        if not cutting.cut:
            break


def check_order(found: list[str]) -> None:
    """What one call added stands together, whole and in order."""
    many = [*MANY, "large"]
    m = [f"m{i}" for i in range(80)]
    for run in (OLD, many, m):
        if run[0] in found:
            start = found.index(run[0])
            assert found[start : start + len(run)] == run
        else:
            assert not set(run) & set(found)


def lose() -> None:
    raise ReadTimeoutError(endpoint_url="http://x")


class Losing(Around):
    """Every transaction lands at once, its first answer is lost, and DynamoDB remembers nothing."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.told: set[str] = set()

    def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        token = request.pop("ClientRequestToken", None)
        answer = call(**request)
        if token and token not in self.told:
            self.told.add(token)
            lose()
        return answer


def test_an_append_whose_every_answer_is_lost(
    client: Any, table: str, anew: Callable[[bool], World]
) -> None:
    history = store(Losing(client), table, anew(True))
    assert append_many(history) == len(MANY) + 1
    assert append_with_an_end(history) == 1
    assert ids(history.read("s")) == [*OLD, *MANY, "large", "end"]
    assert waste(client, table) == []


def test_an_append_whose_answer_is_lost_while_another_one_follows(
    client: Any, table: str, anew: Callable[[bool], World]
) -> None:
    clock = anew(True)
    other = store(client, table, clock)

    def cut() -> None:
        meanwhile_append(other)
        lose()

    forgetful = Failing(client, 0, share=0.0, forgetful=True)
    history = store(Cutting(forgetful, 1, cut, after=True), table, clock)
    assert history.append("s", some("first"), None) == 1
    assert history.append("s", some("second"), None) == 1
    assert ids(other.read("s")) == [*OLD, "first", "second", "meanwhile"]


def test_others_wait_for_a_writer_until_it_seems_dead(
    client: Any, table: str, anew: Callable[[bool], World]
) -> None:
    clock = anew(True)
    with suppress(Killed):
        append_many(store(Cutting(client, 2, kill), table, clock))
    began = clock.now
    meanwhile_append(store(client, table, clock))
    assert DEAD_S <= clock.now - began < DEAD_S + 3


def test_leftovers_that_were_overlooked_are_not_in_the_way_for_ever(
    client: Any, table: str, anew: Callable[[bool], World]
) -> None:
    clock = anew(True)
    with suppress(Killed):
        append_many(store(Cutting(client, 2, kill), table, clock))
    (meta,) = [x for x in items(client, table) if "writing" in x and x["writing"]["BOOL"]]
    client.put_item(TableName=table, Item={**meta, "writing": {"BOOL": False}})
    assert waste(client, table) != []
    history = store(client, table, clock)
    meanwhile_append(history)
    append_many(history)
    assert ids(history.read("s")) == [*OLD, "meanwhile", *MANY, "large"]
    assert waste(client, table) == []
