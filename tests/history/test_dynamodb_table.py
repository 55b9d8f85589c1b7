"""What belongs to the table, made at once or completed later, by many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from llmanager_sdk.aws.history import DynamoHistory
from llmanager_sdk.dynamodb_table import FEATURES, READY_S, TableMaker
from llmanager_sdk.errors import StoreNotWritable
from tests.history.clients import Around, Call, Counting, Cutting, Killed, World, client_error, kill
from tests.history.test_contract import ids, some

MAKING = (
    "create_table",
    "update_table",
    "update_time_to_live",
    "update_continuous_backups",
    "tag_resource",
)


@pytest.fixture
def client() -> Iterator[Any]:
    """Of moto, which has backups and tags."""
    moto = pytest.importorskip("moto")
    import boto3

    with moto.mock_aws():
        yield boto3.client(
            "dynamodb",
            region_name="eu-west-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )


def opened(client: Any, **more: Any) -> DynamoHistory:
    return DynamoHistory("chats", "main", client, clock=World(), **more)


def lacking(client: Any) -> list[str]:
    """What a table has not that it should have."""
    table = client.describe_table(TableName="chats")["Table"]
    expires = client.describe_time_to_live(TableName="chats")["TimeToLiveDescription"]
    backups = client.describe_continuous_backups(TableName="chats")["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    tags = client.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    there = {
        "billing": table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST",
        "protection": table["DeletionProtectionEnabled"],
        "ttl": (expires["TimeToLiveStatus"], expires.get("AttributeName")) == ("ENABLED", "ttl"),
        "recovery": recovery == "ENABLED",
        "tags": {(x["Key"], x["Value"]) for x in tags} == {("llmanager", "history")},
    }
    return [name for name, is_there in there.items() if not is_there]


def test_the_first_append_makes_everything(client: Any) -> None:
    history = opened(client)
    assert history.read("s") == history.sessions() == []
    history.clear("s")
    assert client.list_tables()["TableNames"] == []
    assert history.append("s", some(1), 60.0) == 1
    assert lacking(client) == []
    assert ids(history.read("s")) == ["1"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(5))
def test_what_a_dead_maker_left_is_completed(client: Any, step: int, after: bool) -> None:
    if step == 1:  # the table was made without protection, by something else
        TableMaker(client, "chats", "history", [], World(), StoreNotWritable).ensure()
        client.update_table(TableName="chats", DeletionProtectionEnabled=False)
    cutting = Cutting(client, 0, kill, after=after, calls=(MAKING[step],))
    with pytest.raises(Killed):
        opened(cutting).append("s", some(1), None)
    assert opened(client).append("s", some(1), None) == 1
    assert lacking(client) == []


def test_only_the_first_append_looks_at_the_table(client: Any) -> None:
    opened(client).append("s", some(1), None)
    counting = Counting(client)
    history = opened(counting)
    history.append("s", some(2), None)
    first = dict(counting.calls)
    history.append("s", some(3), None)
    assert first == {"get_item": 2, "batch_get_item": 1, "transact_write_items": 1}
    assert counting.calls["get_item"] == 3


def test_more_features_are_added_to_a_complete_table(client: Any) -> None:
    opened(client, features=()).append("s", some(1), None)
    assert lacking(client) == ["recovery", "tags"]
    opened(client, features=["tags"]).append("s", some(2), None)
    assert lacking(client) == ["recovery"]
    opened(client).append("s", some(3), None)
    assert lacking(client) == []


def test_a_table_that_was_deleted_is_made_again(client: Any) -> None:
    history = opened(client)
    history.append("s", some(1), None)
    client.update_table(TableName="chats", DeletionProtectionEnabled=False)
    client.delete_table(TableName="chats")
    assert history.read("s") == []
    assert history.append("s", some(1), None) == 1
    assert lacking(client) == []


# -- answers that no emulator gives


class Scripted(Around):
    """Gives the answers of a test first.

    Args:
        answers: by call, in order; an error is raised, None is passed on.
    """

    def __init__(self, client: Any, **answers: Sequence[Any]) -> None:
        super().__init__(client)
        self.answers = {name: list(each) for name, each in answers.items()}
        self.asked: list[str] = []

    def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        self.asked.append(name)
        answer = self.answers[name].pop(0) if self.answers.get(name) else None
        if isinstance(answer, Exception):
            raise answer
        return call(**request) if answer is None else answer


class Calm:
    """A client whose table is complete."""

    def __getattr__(self, name: str) -> Call:
        answers = {
            "describe_table": {
                "Table": {
                    "TableStatus": "ACTIVE",
                    "DeletionProtectionEnabled": True,
                    "TableArn": "arn",
                }
            },
            "describe_time_to_live": ttl("ENABLED"),
        }
        return lambda **request: answers.get(name, {})


def ttl(status: str, attribute: str = "ttl") -> dict[str, Any]:
    return {"TimeToLiveDescription": {"TimeToLiveStatus": status, "AttributeName": attribute}}


def maker(client: Any, clock: World) -> TableMaker:
    return TableMaker(client, "chats", "history", FEATURES, clock, StoreNotWritable, ttl="ttl")


def test_two_makers_at_once() -> None:
    """Whatever the other one did first is no error."""
    clock = World()
    used = client_error("ResourceInUseException")
    unprotected = {"Table": {"TableStatus": "ACTIVE", "TableArn": "arn"}}
    client = Scripted(
        Calm(),
        create_table=[used],
        describe_table=[client_error("ResourceNotFoundException"), unprotected],
        update_table=[used],
        describe_time_to_live=[ttl("DISABLED"), ttl("ENABLING")],
        update_time_to_live=[client_error("ValidationException")],
        update_continuous_backups=[client_error("ContinuousBackupsUnavailableException")] * 3,
    )
    maker(client, clock).ensure()
    assert client.asked[-1] == "tag_resource"
    assert client.asked.count("update_continuous_backups") == 4
    assert clock.now == 1_000_004


@pytest.mark.parametrize(
    "answers",
    [
        {"create_table": [client_error("LimitExceededException")]},
        {"describe_time_to_live": [client_error("UnknownOperationException")]},
        {
            "describe_time_to_live": [ttl("DISABLED"), ttl("ENABLED", "another")],
            "update_time_to_live": [client_error("ValidationException")],
        },
        {"update_continuous_backups": [client_error("UnknownOperationException")]},
        {"tag_resource": [client_error("AccessDeniedException")]},
    ],
    ids=range(5),
)
def test_refusals_are_not_swallowed(answers: dict[str, Any]) -> None:
    with pytest.raises(ClientError):
        maker(Scripted(Calm(), **answers), World()).ensure()


@pytest.mark.parametrize("call", ["describe_table", "update_continuous_backups"])
def test_what_never_gets_ready_is_an_error(call: str) -> None:
    late = {
        "describe_table": {"Table": {"TableStatus": "CREATING"}},
        "update_continuous_backups": client_error("ContinuousBackupsUnavailableException"),
    }
    clock = World()
    with pytest.raises(StoreNotWritable, match="not ready"):
        maker(Scripted(Calm(), **{call: [late[call]] * 1000}), clock).ensure()
    assert READY_S < clock.now - 1_000_000 < READY_S + 5
