"""Chat histories in DynamoDB: appends at 10 and at 10,000 messages, beside langchain-community's.

Run by `bench_aws`. Both on the same DynamoDB Local; that one's whole session is one item, of at
most 400 KB.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from benchmarks.harness import Row

SIZES = (10, 1_000, 10_000)
APPENDS = 40
TEXT = "an answer of some length, as people and models write them, " * 3


def rows() -> Iterator[Row]:
    """As a benchmark of its own."""
    yield from history_rows()


def history_rows() -> Iterator[Row]:
    """Ours grown to 10,000; theirs to where it fails."""
    from langchain_core.messages import HumanMessage

    from llmanager_sdk.aws.history import DynamoHistory
    from llmanager_sdk.ports.history import Stored
    from tests.servers import dynamodb

    with dynamodb.dynamodb_local() as url:
        client = dynamodb.client(url)
        sent: list[int] = []
        client.meta.events.register(
            "before-send.dynamodb", lambda request, **_: sent.append(len(request.body or b""))
        )
        ours = DynamoHistory("ours", "bench", client, features=())
        body = HumanMessage(TEXT).model_dump_json()
        count, p50 = 0, {}
        for size in SIZES:
            while count < size:
                part = [Stored(f"m{count + i}", body) for i in range(min(200, size - count))]
                ours.append("s", part, None)
                count += len(part)
            del sent[:]
            new = [[Stored(f"x{count}-{n}", body)] for n in range(APPENDS)]
            p50[size] = _p50([partial(ours.append, "s", each, None) for each in new])
            count += APPENDS
            yield Row(f"append at {size:,}: bytes sent", sum(sent) / APPENDS, None, "", "B", 1e5)
        yield Row("append at 10,000", p50[10_000], p50[10], "the same at 10", "ms", 1.3)
        yield from _theirs(url, p50)


def _p50(appends: Sequence[Callable[[], object]]) -> float:
    times = []
    for append in appends:
        began = time.perf_counter()
        append()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def _theirs(url: str, ours: dict[int, float]) -> Iterator[Row]:
    import boto3
    from langchain_core.messages import HumanMessage

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
    history: Any = DynamoDBChatMessageHistory(
        "theirs", "s", endpoint_url=url, boto3_session=session
    )
    message = HumanMessage(TEXT)
    count, times, failed = 0, {}, ""
    while not failed and count < 10_000:
        times[count] = time.perf_counter()
        try:
            history.add_message(message)
        except Exception as error:
            failed = f"{type(error).__name__}"
        times[count] = (time.perf_counter() - times[count]) * 1e3
        count += 1
    last = statistics.median(list(times.values())[-APPENDS:-1])
    name = f"append, theirs just before it fails at {count:,} messages"
    yield Row(name, ours[1_000], last, "DynamoDBChatMessageHistory", "ms", 1.0)
