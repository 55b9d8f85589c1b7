"""What only DynamoDB does: lost answers, conflicts, throttling, refusals, few reads."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from llmanager_sdk.aws.history import DynamoHistory
from llmanager_sdk.aws.history_append import kept_for
from llmanager_sdk.errors import (
    ConfigurationError,
    LLManagerError,
    StoreCorrupt,
    StoreError,
    StoreNotWritable,
)
from llmanager_sdk.ports.history import Stored
from tests.history.clients import (
    Around,
    Call,
    Counting,
    Cutting,
    Failing,
    Hiding,
    Killed,
    World,
    client_error,
    items,
    store,
    waste,
)
from tests.history.test_contract import disorder, ids, some
from tests.servers import dynamodb

pytestmark = pytest.mark.xdist_group("dynamodb")

DAY = 86400.0


@pytest.fixture
def client(dynamodb_url: str) -> Any:
    return dynamodb.client(dynamodb_url)


# -- failing calls


@pytest.mark.parametrize("forgetful", [False, True])
def test_writers_whose_calls_fail_lose_and_repeat_nothing(
    client: Any, table: str, forgetful: bool
) -> None:
    def write(writer: int) -> int:
        failing = Failing(client, writer, forgetful=forgetful)
        history = store(failing, table, World(), writer)
        added = 0
        for turn in range(8):
            size = 60 if turn == 4 and writer < 2 else 2
            added += history.append("s", some(*(f"{writer}:{turn}:{i}" for i in range(size))), DAY)
        assert len(failing.failed) == 5
        return added

    with ThreadPoolExecutor(8) as pool:
        added = sum(pool.map(write, range(8)))
    found = store(client, table, World()).read("s")
    assert (len(found), disorder(found)) == (8 * 8 * 2 + 2 * 58, [])
    assert (added, waste(client, table)) == (len(found), [])


def test_clear_and_reads_whose_calls_fail(client: Any, table: str) -> None:
    for seed in range(10):
        history = store(Failing(client, seed), table, World(), seed)
        assert history.append("s", some(*range(130)), None) == 130
        assert ids(history.read("s")) == [str(i) for i in range(130)]
        assert ids(history.last("s", 2)) == ["128", "129"]
        assert [x.messages for x in history.sessions()] == [130]
        history.clear("s")
        assert history.read("s") == history.sessions() == items(client, table) == []


def test_reads_beside_transactions_that_are_half_applied(client: Any, table: str) -> None:
    clock = World()
    history = store(Hiding(client, 7), table, clock)
    expected: list[str] = []
    for turn in range(30):
        names = [f"{turn}:{i}" for i in range(60 if turn % 10 == 0 else 2)]
        assert history.append("s", some(*names, *expected[-3:]), 2 * DAY) == len(names)
        expected += names
        clock.now += DAY
        assert ids(history.read("s")) == expected
        assert waste(client, table) == []


def test_a_message_that_was_deleted_by_something_else_is_an_error(client: Any, table: str) -> None:
    history = store(client, table, World())
    history.append("s", some(1, 2, 3), None)
    (second,) = [x for x in items(client, table) if x.get("id", {}).get("S") == "2"]
    client.delete_item(TableName=table, Key={"pk": second["pk"], "sk": second["sk"]})
    with pytest.raises(StoreCorrupt, match="missing"):
        history.read("s")
    assert ids(history.last("s", 1)) == ["3"]


class Refusing(Around):
    """Every call that is named ends with an error."""

    def __init__(self, client: Any, error: Exception, *names: str) -> None:
        super().__init__(client)
        self.error = error
        self.names = names
        self.refused = 0

    def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        if not self.names or name in self.names:
            self.refused += 1
            raise self.error
        return call(**request)


REFUSALS = [
    client_error("AccessDeniedException"),
    client_error("UnknownOperationException"),
    client_error("ValidationException"),
    client_error("TransactionCanceledException", "None", "ValidationError"),
    client_error("TransactionCanceledException"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=range(5))
def test_refusals_are_typed_and_not_tried_again(client: Any, table: str, error: Exception) -> None:
    refusing = Refusing(client, error)
    history = store(refusing, table, World())
    with pytest.raises(StoreNotWritable, match="the history refused"):
        history.append("s", some(1), None)
    with pytest.raises(StoreNotWritable):
        history.clear("s")
    for read in (history.read, lambda s: history.last(s, 1), history.sessions):
        with pytest.raises(StoreError, match="the history refused"):
            read("s")
    assert refusing.refused == 5


@pytest.mark.parametrize("error", [*REFUSALS, EndpointConnectionError(endpoint_url="http://x")])
def test_a_refused_transaction_adds_nothing(client: Any, table: str, error: Exception) -> None:
    store(client, table, World()).append("s", some(1), None)
    history = store(Refusing(client, error, "transact_write_items"), table, World())
    with pytest.raises(StoreNotWritable) as caught:
        history.append("s", some(*range(2, 80)), None)
    assert caught.value.resource == "s"
    assert ids(history.read("s")) == ["1"]


def test_throttling_without_end_is_an_error_in_the_end(client: Any, table: str) -> None:
    clock = World()
    error = client_error("TransactionCanceledException", "TransactionConflict")
    history = store(Refusing(client, error, "transact_write_items"), table, clock)
    store(client, table, World()).append("s", some(1), None)
    began = clock.now
    with pytest.raises(StoreNotWritable):
        history.append("s", some(2), None)
    assert 60 < clock.now - began < 70


def test_what_the_table_lacks_is_not_swallowed(client: Any, table: str) -> None:
    """DynamoDB Local has neither backups nor tags."""
    for features in (["recovery"], ["tags"]):
        history = DynamoHistory(table, "main", client, features=features)  # type: ignore[arg-type]
        with pytest.raises(StoreNotWritable, match="UnknownOperation"):
            history.append("s", some(1), None)
    assert store(client, table, World()).read("s") == []


@pytest.mark.parametrize("bad", ["\ud800", "a\udfff"])
def test_half_characters_are_refused(client: Any, table: str, bad: str) -> None:
    history = store(client, table, World())
    for session, message in (
        (bad, Stored("1", "")),
        ("s", Stored(bad, "")),
        ("s", Stored("1", bad)),
    ):
        with pytest.raises(ConfigurationError):
            history.append(session, [message], None)
    assert history.sessions() == []
    with pytest.raises(LLManagerError):
        DynamoHistory(table, "a#b", client)


# -- how much is read and written


def test_the_end_is_read_without_the_rest(client: Any, table: str) -> None:
    plain = store(client, table, World())
    plain.append("s", some(*range(500)), None)
    counting = Counting(client)
    history = store(counting, table, World())
    assert counting.calls == {}, "making one does no I/O"
    assert len(history.last("s", 5)) == 5
    assert (counting.items, counting.calls) == (6, {"get_item": 1, "query": 1})


def test_a_turn_takes_three_calls(client: Any, table: str) -> None:
    counting = Counting(client)
    history = store(counting, table, World())
    history.append("s", some(1, 2), DAY)
    counting.calls.clear()
    history.append("s", some(3, 4), DAY)
    assert counting.calls == {"get_item": 1, "batch_get_item": 1, "transact_write_items": 1}


def test_items_are_kept_a_day_longer_and_seldom_written_again(client: Any, table: str) -> None:
    counting, clock = Counting(client), World()
    history = store(counting, table, clock)
    history.append("s", some(*range(10)), 3600.0)
    counting.calls.clear()
    for turn in range(1, 49):
        clock.now = 1_000_000.0 + turn * 1800
        history.append("s", some(f"later {turn}"), 3600.0)
    assert counting.calls["transact_write_items"] == 48
    clock.now += 1800
    history.append("s", some("a day later"), 3600.0)
    assert counting.calls["transact_write_items"] == 50 + 1
    assert waste(client, table) == []
    goes = {item["ttl"]["N"] for item in items(client, table)}
    assert goes == {str(int(clock.now + kept_for(3600.0)))}


def test_an_end_that_comes_late_holds_for_all_items(client: Any, table: str) -> None:
    history = store(client, table, World())
    large = Stored("large", json.dumps("x" * 1_000_000))
    history.append("s", [*some(*range(120)), large], None)
    assert all("ttl" not in item for item in items(client, table))
    history.append("s", some("end"), 60.0)
    assert all("ttl" in item for item in items(client, table))
    assert waste(client, table) == []


def _process(url: str, table: str, writer: int) -> None:
    history = DynamoHistory(table, "main", dynamodb.client(url), features=())
    for turn in range(10):
        assert history.append("s", some(f"{writer}:{turn}:0", f"{writer}:{turn}:1"), DAY) == 2


def test_an_end_is_reached_while_others_go_on_writing(client: Any, table: str) -> None:
    clock = World()
    other = store(client, table, clock, 1)
    other.append("s", some(*range(400)), None)
    added, turns = list[int](), count(1)

    class Busy(Around):
        """Somebody adds a message after every second transaction, and time goes by."""

        def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
            answer = call(**request)
            if name.startswith("transact") and next(turns) % 2 == 0 and len(added) < 40:
                added.append(other.append("s", some(f"other {len(added)}"), None))
                clock.now += 2.0
            return answer

    assert store(Busy(client), table, clock, 2).append("s", some("mine"), DAY) == 1
    assert len(added) < 40, "it did not have to wait for the others to end"
    (info,) = other.sessions("s", 1)
    assert info.expires_at is not None


def test_what_an_interrupted_clear_left_goes_with_the_next_beginning(
    client: Any, table: str
) -> None:
    history = store(client, table, World())
    history.append("s", some(*range(120)), None)

    def die() -> None:
        raise Killed

    cutting = Cutting(client, 1, die, calls=("batch_write_item",))
    with pytest.raises(Killed):
        store(cutting, table, World()).clear("s")
    assert len(items(client, table)) > 100
    history.append("s", some("new"), None)
    assert ids(history.read("s")) == ["new"]
    assert waste(client, table) == []
    assert len(items(client, table)) < 6


def test_processes_that_all_come_first_keep_their_order(dynamodb_url: str, table: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    people = [spawn.Process(target=_process, args=(dynamodb_url, table, i)) for i in range(4)]
    for process in people:
        process.start()
    for process in people:
        process.join(60)
    assert [process.exitcode for process in people] == [0] * 4
    client = dynamodb.client(dynamodb_url)
    found = store(client, table, World()).read("s")
    assert (len(found), disorder(found), waste(client, table)) == (80, [], [])


def test_fifty_writers_on_one_session(client: Any, table: str) -> None:
    def write(writer: int) -> int:
        history = DynamoHistory(table, "main", client, features=())
        return sum(history.append("s", some(f"{writer}:{turn}:0"), None) for turn in range(4))

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(write, range(50))) == 200
    found = store(client, table, World()).read("s")
    assert (len(found), disorder(found)) == (200, [])
