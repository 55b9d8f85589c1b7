"""What only DynamoDB does: lost answers, a table that is half-made, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from llmanager_sdk.core.life import Slot
from llmanager_sdk.errors import RegistryError, RegistryUnavailable
from llmanager_sdk.registry import typed_dynamodb as dynamodb
from llmanager_sdk.registry.dynamodb import DynamoSlots
from llmanager_sdk.registry.form import dump
from llmanager_sdk.registry.rows import every_slot
from llmanager_sdk.registry.typed_dynamodb import DynamoRegistry


class Clock:
    now = 0.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Errors:
    """Classes of errors, as a client has them."""

    class ResourceNotFoundException(ClientError):
        pass

    class ResourceInUseException(ClientError):
        pass

    class ConditionalCheckFailedException(ClientError):
        pass


def error(kind: type[ClientError], **more: Any) -> ClientError:
    body: Any = {"Error": {"Code": kind.__name__, "Message": "no"}, **more}
    return kind(body, "operation")


class Client:
    """A client that answers as the test says, and notes what it was asked.

    Args:
        answers: by operation; a list is used up one by one, the last one is repeated.
    """

    exceptions = Errors

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**request: Any) -> Any:
            self.asked.append(name)
            answer = self.answers.get(name, {})
            if isinstance(answer, list):
                answer = answer.pop(0) if len(answer) > 1 else answer[0]
            if callable(answer):
                answer = answer(request)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def table(status: str, protected: bool = True) -> dict[str, Any]:
    return {
        "Table": {"TableStatus": status, "DeletionProtectionEnabled": protected, "TableArn": "arn"}
    }


def registry(client: Client, **more: Any) -> DynamoRegistry:
    return DynamoRegistry("t", "main", client, clock=Clock(), token=lambda: "mine", **more)


FAILED = Errors.ConditionalCheckFailedException


def test_a_write_whose_answer_was_lost_is_known_by_its_token() -> None:
    own = Client(put_item=error(FAILED, Item={"token": {"S": "mine"}}))
    assert registry(own).swap(Slot("k"), Slot("k"))
    other = Client(put_item=error(FAILED, Item={"token": {"S": "another"}}))
    assert not registry(other).swap(Slot("k"), Slot("k"))
    nothing = Client(put_item=error(FAILED))
    assert not registry(nothing).swap(Slot("k", rev=3), Slot("k"))


def test_the_first_write_makes_the_table_and_all_that_belongs_to_it() -> None:
    client = Client(
        put_item=[error(Errors.ResourceNotFoundException), {}],
        describe_table=[table("CREATING"), table("ACTIVE")],
    )
    assert registry(client).swap(Slot("k"), Slot("k"))
    assert client.asked == [
        "put_item",
        "create_table",
        "describe_table",
        "describe_table",
        "update_continuous_backups",
        "tag_resource",
        "put_item",
    ]


def test_a_table_that_is_half_made_is_completed() -> None:
    client = Client(
        create_table=error(Errors.ResourceInUseException),
        describe_table=[table("ACTIVE", protected=False), table("ACTIVE")],
    )
    registry(client, features=()).ensure_table()
    assert client.asked == ["create_table", "describe_table", "update_table", "describe_table"]


def test_a_table_that_never_gets_ready_is_an_error() -> None:
    with pytest.raises(RegistryUnavailable, match="not ready"):
        registry(Client(describe_table=table("CREATING"))).ensure_table()


def test_a_table_that_was_lost_is_not_made_by_a_renewal() -> None:
    client = Client(put_item=error(Errors.ResourceNotFoundException))
    assert not registry(client).swap(Slot("k", rev=5), Slot("k"))
    assert client.asked == ["put_item"]


def test_reading_makes_nothing() -> None:
    gone = error(Errors.ResourceNotFoundException)
    client = Client(get_item=gone, query=gone)
    assert registry(client).read("k") == Slot("k")
    assert list(registry(client).scan().slots) == []
    assert client.asked == ["get_item", "query"]


def test_refusals_and_silence_are_typed() -> None:
    denied = error(ClientError, ResponseMetadata={"RequestId": "r-1"})
    with pytest.raises(RegistryUnavailable) as caught:
        registry(Client(get_item=denied)).read("k")
    assert caught.value.request_id == "r-1"
    silent = EndpointConnectionError(endpoint_url="http://x")
    with pytest.raises(RegistryUnavailable, match="cannot be reached"):
        registry(Client(query=silent)).scan()


def test_a_slot_that_is_too_large_is_refused_before_it_is_sent() -> None:
    client = Client()
    huge = Slot("k", took={"d" * dynamodb.BODY_MOST: 1.0})
    with pytest.raises(RegistryError, match="too large"):
        registry(client).swap(Slot("k"), huge)
    assert client.asked == []


def test_an_own_token_for_each_write() -> None:
    sent: list[str] = []
    client = Client(put_item=lambda request: sent.append(request["Item"]["token"]["S"]) or {})
    for _ in range(3):
        DynamoRegistry("t", "main", client).swap(Slot("k"), Slot("k"))
    assert len(set(sent)) == 3


def test_a_row_that_holds_no_slot_is_told_and_hides_no_other() -> None:
    bad = {"sk": {"S": "a"}, "rev": {"N": "1"}, "schema": {"N": "1"}, "body": {"S": "{}"}}
    good = bad | {"sk": {"S": "b"}, "body": {"S": dump(Slot("b"))}}
    client = Client(get_item={"Item": bad}, query={"Items": [bad, good]})
    page = registry(client).scan()
    assert [slot.key for slot in page.slots] == ["b"]
    assert page.broken == [("a", "the stored slot cannot be read")]
    with pytest.raises(RegistryError, match="cannot be read") as caught:
        registry(client).read("a")
    assert caught.value.resource == "a"
    with pytest.raises(RegistryError, match="cannot be read"):
        list(every_slot(registry(client)))


def test_who_only_cleans_up_makes_no_table_and_sees_that_there_is_none() -> None:
    gone = error(Errors.ResourceNotFoundException)
    client = Client(put_item=gone, query=gone)
    slots = DynamoSlots("t", "main", client)
    assert list(slots.scan().slots) == []
    with pytest.raises(Errors.ResourceNotFoundException):
        slots.swap(Slot("k", rev=1), Slot("k"))
    assert client.asked == ["query", "put_item"]
