"""Taking over the tables of langchain-community's `DynamoDBChatMessageHistory`.

There a session is one item: its key (`SessionId`, or several attributes), the list `History` of
messages as `{"type": ..., "data": {...}}`, and perhaps `expireAt`, in seconds since the epoch.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import random as _random
from typing import Any

from llmanager_sdk.aws.patience import Patience
from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.dynamodb_table import typed
from llmanager_sdk.errors import ConfigurationError, StoreCorrupt, StoreError
from llmanager_sdk.ports.history import ID_MOST, HistoryStore, Stored
from llmanager_sdk.ports.history_copy import ANY, chosen


@dataclass
class Imported:
    """What an import did.

    Attributes:
        sessions: how many were taken over, those included of which nothing was new.
        messages: how many messages were new.
        ended: how many sessions had come to their end; they are left out.
        others: how many items were no sessions.
        missing: ids that were chosen, and are not there.
        failed: sessions that cannot be read, and why; nothing of them was taken over.
    """

    sessions: int = 0
    messages: int = 0
    ended: int = 0
    others: int = 0
    missing: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def plain(value: Mapping[str, Any]) -> Any:
    """The data in an attribute of DynamoDB.

    Raises:
        StoreCorrupt: bytes or a set, which a message has not.
    """
    ((kind, data),) = value.items()
    match kind:
        case "S" | "BOOL":
            return data
        case "N":
            return int(data) if data.lstrip("-").isdigit() else float(data)
        case "NULL":
            return None
        case "L":
            return [plain(each) for each in data]
        case "M":
            return {name: plain(each) for name, each in data.items()}
    raise StoreCorrupt(
        f"an attribute of type {kind} is no part of a message",
        step="import",
        hint="if the history was encrypted on the client, decrypt it first",
    )


def convert(session: str, history: Any, sound: Callable[[str], str] = str) -> list[Stored]:
    """The messages of a session, each with an id that is the same in every import.

    A message keeps its own id. One without, or whose id was given before, gets one that is made of
    what it says and of how many before it say the same, so that it stays the same when the oldest
    messages are dropped, as `history_size` does.

    Args:
        session: its id.
        history: what `History` holds.
        sound: gives the text of a message so that it can be read again.

    Raises:
        StoreCorrupt: this is no list of messages, or one of them cannot be read.
    """
    if not isinstance(history, list):
        raise StoreCorrupt(f"the history of {session!r} is no list", resource=session)
    made: dict[str, Stored] = {}
    alike = Counter[str]()
    for number, message in enumerate(history):
        match message:
            case {"type": str(), "data": dict(data)}:
                own = data.get("id")
            case _:
                raise StoreCorrupt(
                    f"message {number} of {session!r} is not of the form type and data",
                    resource=session,
                )
        text = json.dumps(message, sort_keys=True)
        if not isinstance(own, str) or not own or own in made:
            told = json.dumps([session, text, alike[text]])
            own = hashlib.sha256(told.encode()).hexdigest()[:32]
        alike[text] += 1
        body = json.dumps({**message, "data": {**data, "id": own}}, ensure_ascii=False)
        try:
            made[own] = Stored(own, sound(body))
        except ConfigurationError as error:
            raise StoreCorrupt(
                f"message {number} of {session!r} cannot be read: {error.message}",
                resource=session,
            ) from error
    return list(made.values())


def import_sessions(
    client: Any,
    table: str,
    target: HistoryStore,
    *,
    choices: Sequence[str] = (),
    key: Sequence[str] = ("SessionId",),
    messages: str = "History",
    ends: str = "expireAt",
    clock: Clock = SYSTEM,
    random: Callable[[], float] = _random,
    sound: Callable[[str], str] = str,
    told: Callable[[str, Imported], None] = lambda session, report: None,
) -> Imported:
    """Take over the sessions of a table. May be repeated; the table stays as it is.

    Args:
        client: of boto3, for "dynamodb", of the account and region of the table.
        table: its name.
        target: where the sessions go.
        choices: ids, and beginnings of ids with "*"; all sessions for none.
        key: the attributes that name a session, text or numbers; several are joined by "/", and one
            that stands in them becomes "%2F".
        messages: the attribute with the messages (`history_messages_key` there).
        ends: the attribute with the end of a session (`ttl_key_name` there).
        clock: says which sessions have ended.
        random: a number from 0 to below 1, drawn for each pause.
        sound: as `convert` has it.
        told: gets the id of each session once it is taken over, and what was done so far.

    Raises:
        StoreError: the table cannot be read, or the target not written.
    """
    report = Imported()
    missing = {each for each in choices if not each.endswith(ANY)}
    for item in _scan(client, table, clock, random):
        session = _session(item, key)
        if messages not in item or not session:
            report.others += 1
            continue
        if not chosen(choices, session):
            continue
        missing.discard(session)
        try:
            if len(session) > ID_MOST:
                raise StoreCorrupt(f"its id is longer than {ID_MOST} characters", resource=session)
            found = convert(session, plain(item[messages]), sound)
        except StoreCorrupt as error:
            report.failed.append((session, error.message))
            continue
        until = item.get(ends, {}).get("N")
        end = None if until is None else float(until)
        if end is not None and end <= clock.time():
            report.ended += 1
            continue
        report.messages += target.merge(session, found, end)
        report.sessions += 1
        told(session, report)
    report.missing = sorted(missing)
    return report


def _session(item: Mapping[str, Any], key: Sequence[str]) -> str:
    """The id of a session, which no other one has; empty if the item is none."""
    parts = [item.get(name, {}).get("S") or item.get(name, {}).get("N", "") for name in key]
    if len(parts) > 1:
        parts = [part.replace("%", "%25").replace("/", "%2F") for part in parts]
    return "/".join(parts) if all(parts) else ""


def _scan(
    client: Any, table: str, clock: Clock, random: Callable[[], float]
) -> Iterator[Mapping[str, Any]]:
    start: dict[str, Any] = {}
    while True:
        request = {"TableName": table, "ConsistentRead": True, **start}
        patience = Patience(clock, random, table, "import", StoreError)
        with typed(StoreError, "the table", table, "import"):
            page = patience.insist(partial(client.scan, **request))
        yield from page["Items"]
        if not page.get("LastEvaluatedKey"):
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
