"""Looks what there is in a namespace; changes nothing. `survey` says what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmanager_sdk.aws.answers import missing, said
from llmanager_sdk.aws.endpoint import LOG_GROUP
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.reapable import prefix
from llmanager_sdk.aws.reaper import LAMBDA, registry_table
from llmanager_sdk.aws.rowless import Strays
from llmanager_sdk.aws.stack import stack_name
from llmanager_sdk.core.life import SCHEMA, Page, Slot
from llmanager_sdk.deploy.gateway import CloudFormation
from llmanager_sdk.deploy.stacks import Found
from llmanager_sdk.deploy.survey import Live, Survey, Table, counted
from llmanager_sdk.errors import PermissionMissing


def look(platform: AwsPlatform, gateway: CloudFormation) -> Survey:
    """Everything in the namespace of a platform.

    Raises:
        PermissionMissing, CredentialsMissing, CloudUnavailable: it cannot be known.
    """
    namespace = platform.settings.namespace
    # The cloud first, the rows afterwards: as a sweep does.
    listed = list(platform.endpoints.list(namespace))
    slots, unreadable = _rows(platform)
    lives = [(slot.key, life) for slot in slots for life in slot.lives]
    known = {pair for _, life in lives for pair in life.names.items()}
    there = {pair for names in listed for pair in names.items()}
    rowless = [names for names in listed if known.isdisjoint(names.items())]
    words = platform.beats.words()
    living = [beat.source for beat in words.living(platform.keeper.engine.clock.time())]
    groups = _log_groups(platform)
    return Survey(
        namespace=namespace,
        stacks=tuple(x for x in _stacks(namespace, gateway) if x.exists),
        live=tuple(
            Live(key, life.gen, life.phase, life.price)
            for key, life in lives
            if life.phase != "gone"
        ),
        twins=tuple(
            key
            for key, life in lives
            if life.phase == "gone" and not there.isdisjoint(life.names.items())
        ),
        strays=tuple(Strays(platform.account, namespace).look(rowless)),
        tables=tuple(_tables(platform, slots)),
        unreadable=tuple(unreadable),
        off_by=words.off_by,
        watchers=tuple(source for source in living if source != LAMBDA),
        beating=LAMBDA in living,
        log_groups=None if groups is None else len(groups),
        log_size=sum(groups or []),
    )


def _stacks(namespace: str, gateway: CloudFormation) -> Iterator[Found]:
    yield find(stack_name(namespace, "alarms"), gateway)
    yield find(stack_name(namespace), gateway)


def find(name: str, gateway: CloudFormation) -> Found:
    """A stack as it is, with what says whose it is."""
    found = gateway.look(name)
    if found.status != "REVIEW_IN_PROGRESS":
        return found
    return replace(found, waiting=tuple(gateway.change_sets(name)))


def _rows(platform: AwsPlatform) -> tuple[list[Slot], list[str]]:
    """All slots, and the keys of the rows that cannot be read."""
    slots: list[Slot] = []
    unreadable: list[str] = []
    cursor = ""
    while True:
        page: Page = platform.keeper.engine.registry.scan(cursor)
        slots += [slot for slot in page.slots if slot.schema <= SCHEMA]
        unreadable += [slot.key for slot in page.slots if slot.schema > SCHEMA]
        unreadable += [key for key, _ in page.broken]
        cursor = page.cursor
        if not cursor:
            return slots, unreadable


# -- tables, logs ----------------------------------------------------------------------------------


def _tables(platform: AwsPlatform, slots: list[Slot]) -> Iterator[Table]:
    """The history first: the registry is the last to go, as it knows the rest."""
    namespace = platform.settings.namespace
    history, registry = f"llmanager-{namespace}-history", registry_table(namespace)
    if found := describe(platform, history):
        yield _table(platform, found, "history", _messages(platform, found))
    if found := describe(platform, registry):
        rows = f"{counted(len(slots), 'row')} about models that are or were" if slots else ""
        yield _table(platform, found, "registry", rows)


def _table(platform: AwsPlatform, found: Mapping[str, Any], label: str, holds: str) -> Table:
    client = platform.account.client("dynamodb")
    try:
        tags = client.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]
    except Exception as error:
        raise translate(error, resource=found["TableName"], step="read its tags") from error
    ours = {"Key": "llmanager", "Value": label} in tags
    return Table(found["TableName"], label, holds, int(found.get("TableSizeBytes", 0)), ours)


def describe(platform: AwsPlatform, table: str) -> Mapping[str, Any] | None:
    """A table as DynamoDB describes it; None if there is none."""
    try:
        found: Mapping[str, Any] = platform.account.client("dynamodb").describe_table(
            TableName=table
        )["Table"]
    except Exception as error:
        if missing(error):
            return None
        raise translate(error, resource=table, step="look at the table") from error
    return found


def _messages(platform: AwsPlatform, found: Mapping[str, Any]) -> str:
    """Counts of DynamoDB are hours old; whether there is any item is not."""
    name, about = found["TableName"], int(found.get("ItemCount", 0))
    try:
        seen = platform.account.client("dynamodb").scan(
            TableName=name, Limit=1, ConsistentRead=True, Select="COUNT"
        )["Count"]
    except Exception as error:
        typed = translate(error, resource=name, step="look into the table")
        if isinstance(typed, PermissionMissing):
            return f"about {about} items, or more: this caller may not look"
        raise typed from error
    return f"about {counted(max(about, seen), 'item')} of chat histories" if seen else ""


def _log_groups(platform: AwsPlatform) -> list[int] | None:
    """The sizes of the logs that endpoints left; None where this caller may not look."""
    begins = LOG_GROUP + prefix(platform.settings.namespace)
    try:
        pages = platform.account.client("logs").get_paginator("describe_log_groups")
        return [
            int(each.get("storedBytes", 0))
            for page in pages.paginate(logGroupNamePrefix=begins)
            for each in page["logGroups"]
        ]
    except Exception as error:
        if said(error).code.startswith("AccessDenied"):
            return None
        if missing(error):
            return []
        raise translate(error, resource=begins, step="list log groups") from error
