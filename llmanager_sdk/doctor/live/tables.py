"""Probes of DynamoDB: what a table of ours can be relied on for. They cost fractions of a cent."""

from __future__ import annotations

from typing import Any

from llmanager_sdk.aws.answers import missing, said
from llmanager_sdk.doctor.live.bench import Bench
from llmanager_sdk.doctor.live.probe import Probe, Seen
from llmanager_sdk.dynamodb_table import FEATURES, READY_S, TableMaker
from llmanager_sdk.errors import RegistryUnavailable

TTL = "expires"


def _name(bench: Bench) -> str:
    return f"llmanager-{bench.namespace}-doctor-{bench.token}"


def _made(bench: Bench) -> Seen:
    table, db = _name(bench), bench.client("dynamodb")
    began = bench.clock.time()
    bench.later(f"delete the table {table}", lambda: _delete(bench, table))
    TableMaker(db, table, "doctor", FEATURES, bench.clock, RegistryUnavailable, ttl=TTL).ensure()
    took = bench.clock.time() - began
    recovery = db.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    on = recovery.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    described = db.describe_table(TableName=table)["Table"]
    guarded = bool(described.get("DeletionProtectionEnabled"))
    text = f"after {took:.0f} s; recovery {on}, protected: {guarded}"
    return Seen(on == "ENABLED" and guarded and took <= READY_S, text)


def _delete(bench: Bench, table: str) -> None:
    db = bench.client("dynamodb")
    try:
        db.update_table(TableName=table, DeletionProtectionEnabled=False)
        bench.wait(
            lambda: db.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE", 60
        )
        db.delete_table(TableName=table)
    except Exception as error:
        if not missing(error):
            raise


def _status(db: Any, table: str) -> str:
    return str(db.describe_table(TableName=table)["Table"]["TableStatus"])


def _protected(bench: Bench) -> Seen:
    try:
        bench.client("dynamodb").delete_table(TableName=_name(bench))
    except Exception as error:
        return Seen(not missing(error), f"{said(error).code}: {said(error).message}")
    return Seen(False, "it was deleted")


def _condition(bench: Bench) -> Seen:
    table, db = _name(bench), bench.client("dynamodb")

    def put(token: str) -> None:
        db.put_item(
            TableName=table,
            Item={**_key("one"), "token": {"S": token}},
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )

    put("first")
    try:
        put("second")
    except Exception as error:
        stored = getattr(error, "response", {}).get("Item", {}).get("token", {}).get("S")
        text = f"{said(error).code}, with the item that was there: {stored == 'first'}"
        return Seen(said(error).code == FAILED and stored == "first", text)
    return Seen(False, "the second write was accepted")


FAILED = "ConditionalCheckFailedException"


def _transaction(bench: Bench) -> Seen:
    table, db = _name(bench), bench.client("dynamodb")
    absent = {"ConditionExpression": "attribute_not_exists(pk)", "TableName": table}
    puts = [{"Put": {"Item": _key(name), **absent}} for name in ("two", "one")]
    try:
        db.transact_write_items(TransactItems=puts)
    except Exception as error:
        reasons = [x.get("Code") for x in getattr(error, "response", {})["CancellationReasons"]]
        landed = "Item" in db.get_item(TableName=table, Key=_key("two"), ConsistentRead=True)
        text = f"{said(error).code}, reasons {reasons}, half of it landed: {landed}"
        return Seen(reasons == ["None", "ConditionalCheckFailed"] and not landed, text)
    return Seen(False, "it was accepted")


def _key(name: str) -> dict[str, Any]:
    return {"pk": {"S": "doctor"}, "sk": {"S": name}}


PROBES = (
    Probe(
        "table",
        "a new table can be used, and gets point-in-time recovery, within two minutes",
        "dynamodb_table.py: TableMaker",
        f"complete within {READY_S:.0f} s",
        _made,
        longest=2 * READY_S,
    ),
    Probe(
        "table protected",
        "a protected table refuses its deletion",
        "dynamodb_table.py: _protect",
        "refused",
        _protected,
        needs=("table",),
    ),
    Probe(
        "condition",
        "a write whose condition fails says what was there",
        "registry/dynamodb.py: ABSENT, UNCHANGED",
        f"{FAILED}, with the item",
        _condition,
        needs=("table",),
    ),
    Probe(
        "transaction",
        "a transaction lands as a whole or not at all, and says which of its conditions failed",
        "aws/history_calls.py",
        "one reason for each action, nothing written",
        _transaction,
        needs=("condition",),
    ),
)
