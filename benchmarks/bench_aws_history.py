"""Chat histories in DynamoDB: appends at 10 and at 10,000 messages, beside langchain-community's.

Run by `bench_aws`. All on the same DynamoDB Local. That one's whole session is one item, of at most
400 KB, which every append reads and writes: it is measured at 10 messages and just before it fails.
Appends of all sessions take turns, so that they meet the same machine.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness import Row

SHORT, LONG = 10, 10_000
APPENDS = 40
TEXT = "an answer of some length, as people and models write them, " * 3
PEER = "DynamoDBChatMessageHistory"


@dataclass
class Case:
    """One session of one history, and what its appends took.

    Attributes:
        append: adds one message, which bears the number.
    """

    append: Callable[[int], None]
    bytes: Callable[[], int]
    times: list[float] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)

    def go(self, number: int) -> None:
        """One append."""
        before, began = self.bytes(), time.perf_counter()
        self.append(number)
        self.times.append((time.perf_counter() - began) * 1e3)
        self.sent.append(self.bytes() - before)

    @property
    def ms(self) -> float:
        """The median."""
        return statistics.median(self.times)

    @property
    def kb(self) -> float:
        """The median."""
        return statistics.median(self.sent) / 1e3


def rows() -> Iterator[Row]:
    """As a benchmark of its own."""
    yield from history_rows()


def history_rows() -> Iterator[Row]:
    """Ours grown to 10,000; theirs to where it fails."""
    from tests.servers import dynamodb

    with dynamodb.dynamodb_local() as url:
        theirs, most = _theirs(url)
        ours = _ours(dynamodb.client(url), [SHORT, most, LONG])
        for number in range(APPENDS):
            for case in [*ours, *theirs]:
                case.go(number)
        _until_it_fails(theirs[1])
    short, middle, long = ours
    yield Row(f"append at {LONG:,}", long.ms, short.ms, f"the same at {SHORT}", "ms", 1.3)
    yield Row(f"append at {LONG:,}", long.kb, short.kb, f"the same at {SHORT}", "KB", 1.3)
    for size, mine, peer in ((SHORT, short, theirs[0]), (most, middle, theirs[1])):
        name = f"append at {size:,}" + (", where theirs fails next" if size == most else "")
        yield Row(name, mine.kb, peer.kb, PEER, "KB", 1.0)
        yield Row(name, mine.ms, peer.ms, PEER, "ms", 2.0 if size == SHORT else 1.0)


def _until_it_fails(case: Case) -> None:
    """One item holds no more."""
    try:
        for number in range(APPENDS):
            case.append(number)
    except Exception as error:
        assert "size" in str(error), error
        return
    raise AssertionError(f"{PEER} took more than one item can hold")


def _counted(client: Any) -> Callable[[], int]:
    """Bytes that a client has sent and got."""
    count = 0

    def sent(request: Any, **_: Any) -> None:
        nonlocal count
        count += len(request.body or b"")

    def got(http_response: Any, **_: Any) -> None:
        nonlocal count
        count += len(http_response.content)

    client.meta.events.register("before-send.dynamodb", sent)
    client.meta.events.register("after-call.dynamodb", got)
    return lambda: count


def _ours(client: Any, sizes: list[int]) -> list[Case]:
    from langchain_core.messages import HumanMessage

    from llmanager_sdk.aws.history import DynamoHistory
    from llmanager_sdk.ports.history import Stored

    body, counted = HumanMessage(TEXT).model_dump_json(), _counted(client)
    history = DynamoHistory("ours", "bench", client, features=())

    def case(size: int) -> Case:
        session = f"of {size}"
        for start in range(0, size, 200):
            part = range(start, min(start + 200, size))
            history.append(session, [Stored(f"m{n}", body) for n in part], None)
        return Case(
            lambda n: _added(history.append(session, [Stored(f"x{n}", body)], None)), counted
        )

    return [case(size) for size in sizes]


def _added(count: int) -> None:
    assert count == 1


def _theirs(url: str) -> tuple[list[Case], int]:
    """At 10 messages, and at as many as one item holds."""
    import boto3
    from langchain_core.messages import HumanMessage, messages_to_dict

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_community.chat_message_histories import DynamoDBChatMessageHistory

    session = boto3.Session("fake", "fake", region_name="us-east-1")
    session.client("dynamodb", endpoint_url=url).create_table(
        TableName="theirs",
        KeySchema=[{"AttributeName": "SessionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "SessionId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    message = HumanMessage(TEXT)
    one = messages_to_dict([message])

    def made(size: int) -> Any:
        name = f"of {size}"
        history: Any = DynamoDBChatMessageHistory(
            "theirs", name, endpoint_url=url, boto3_session=session
        )
        history.table.put_item(Item={"SessionId": name, "History": one * size})
        return history

    low, high = SHORT, 8_192
    while high - low > 1:
        middle = (low + high) // 2
        try:
            made(middle)
            low = middle
        except Exception as error:
            if "size" not in str(error):
                raise
            high = middle
    most = low - APPENDS
    cases = []
    for size in (SHORT, most):
        history = made(size)
        counted = _counted(history.table.meta.client)
        cases.append(Case(lambda _, history=history: history.add_message(message), counted))
    return cases, most
