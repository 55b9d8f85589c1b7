"""What a chat history asks of DynamoDB: strongly consistent reads in pages, fenced transactions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from llmanager_sdk.aws.history_items import ABSENT, FENCE, META_KEY, Item, Meta, at, meta_of
from llmanager_sdk.aws.patience import Patience
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import StoreError, StoreNotWritable

DELETES_MOST = 25
"""Deletions of one batch."""
GETS_MOST = 100
"""Items of one batch read."""

Action = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """The calls of one operation on one session. Each is tried again while its errors pass.

    Every method raises ClientError if there is no table, and a typed error for what does not pass.

    Attributes:
        client: of boto3, for "dynamodb".
        random: a number from 0 to below 1, drawn for each pause.
        session: for messages of errors.
        step: what is done.
        error: what is raised.
    """

    client: Any
    table: str
    clock: Clock
    random: Callable[[], float] = field(repr=False)
    session: str
    step: str
    error: type[StoreError] = StoreNotWritable

    def patience(self) -> Patience:
        """Pauses for a loop around calls."""
        return Patience(self.clock, self.random, self.session, self.step, self.error)

    # -- reading -------------------------------------------------------------------------------

    def get(self, key: Item) -> Item | None:
        """An item."""
        found: Mapping[str, Any] = self.patience().insist(
            lambda: self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        )
        return found.get("Item")

    def meta(self, pk: str) -> Meta | None:
        """META of a session."""
        found = self.get(at(pk, META_KEY))
        return meta_of(found) if found else None

    def settled_meta(self, pk: str) -> Meta | None:
        """META, when no transaction is half applied to it.

        A transaction reaches its items one after the other. After one of them was seen, this shows
        META as that transaction leaves it; a plain read may still show what was there before.
        """
        get = {"Get": {"TableName": self.table, "Key": at(pk, META_KEY)}}
        found: Mapping[str, Any] = self.patience().insist(
            lambda: self.client.transact_get_items(TransactItems=[get])
        )
        item = found["Responses"][0].get("Item")
        return meta_of(item) if item else None

    def get_all(self, keys: Iterable[Item]) -> Iterator[Item]:
        """Those of the items that are there, in no order."""
        rest = iter(keys)
        while batch := list(islice(rest, GETS_MOST)):
            patience = self.patience()
            while batch:
                request = {self.table: {"Keys": batch, "ConsistentRead": True}}
                found = patience.insist(partial(self.client.batch_get_item, RequestItems=request))
                yield from found["Responses"].get(self.table, [])
                batch = found.get("UnprocessedKeys", {}).get(self.table, {}).get("Keys", [])
                if batch:
                    patience.pause("it did not answer the whole of a batch")

    def pages(
        self,
        pk: str,
        condition: str = "",
        values: Mapping[str, str] | None = None,
        *,
        only: Sequence[str] = (),
        after: Item | None = None,
        size: int = 0,
    ) -> Iterator[list[Item]]:
        """The items of a partition in the order of `sk`, a page at a time.

        Args:
            condition: on `sk`; all for none.
            values: of the condition, text.
            only: the attributes to give; all for none.
            after: the key behind which to begin.
            size: of a page, in items; what 1 MB holds for 0.
        """
        request: dict[str, Any] = {
            "TableName": self.table,
            "ConsistentRead": True,
            "KeyConditionExpression": f"pk = :pk AND {condition}" if condition else "pk = :pk",
            "ExpressionAttributeValues": {
                name: {"S": value} for name, value in {":pk": pk, **(values or {})}.items()
            },
        }
        request |= {"Limit": size} if size else {}
        if only:  # by other names, because some of them are words of DynamoDB
            names = {f"#{name}": name for name in only}
            request |= {"ProjectionExpression": ", ".join(names)}
            request |= {"ExpressionAttributeNames": names}
        while True:
            request |= {"ExclusiveStartKey": after} if after else {}
            found = self.patience().insist(partial(self.client.query, **request))
            yield found["Items"]
            after = found.get("LastEvaluatedKey")
            if not after:
                return

    # -- writing -------------------------------------------------------------------------------

    def transact(self, actions: Sequence[Action]) -> None:
        """All actions or none; repeating one that landed although its answer was lost is no harm.

        Raises:
            Moved: a condition was not met.
        """
        told = hashlib.sha256(repr(actions).encode()).hexdigest()[:36]
        self.patience().insist(
            lambda: self.client.transact_write_items(TransactItems=actions, ClientRequestToken=told)
        )

    def put(self, item: Item, seen: Meta | None) -> Action:
        """Write META if it is still what was seen; see `FENCE`."""
        where = {"ConditionExpression": ABSENT} if seen is None else fence(seen)
        return {"Put": {"TableName": self.table, "Item": item, **where}}

    def add(self, item: Item, *, over: bool = False) -> Action:
        """Write an item that is not there, or may be there (`over`)."""
        where = {} if over else {"ConditionExpression": ABSENT}
        return {"Put": {"TableName": self.table, "Item": item, **where}}

    def remove(self, key: Item) -> Action:
        """Delete an item; one that is not there is no error."""
        return {"Delete": {"TableName": self.table, "Key": key}}

    def check(self, pk: str, seen: Meta) -> Action:
        """Only if META is still what was seen."""
        key = {"TableName": self.table, "Key": at(pk, META_KEY)}
        return {"ConditionCheck": {**key, **fence(seen)}}

    def keep(self, key: Item, until: int | None) -> Action:
        """Let DynamoDB delete an item only after that time (since the epoch), or never."""
        change: dict[str, Any] = {"UpdateExpression": "REMOVE #ttl"}
        if until is not None:
            change = {
                "UpdateExpression": "SET #ttl = :ttl",
                "ExpressionAttributeValues": {":ttl": {"N": str(until)}},
            }
        return {
            "Update": {
                "TableName": self.table,
                "Key": key,
                "ConditionExpression": "attribute_exists(pk)",
                "ExpressionAttributeNames": {"#ttl": "ttl"},
                **change,
            }
        }

    def delete_if(self, key: Item, gen: str) -> None:
        """Delete an item of that generation.

        Raises:
            Moved: it is not there, or of another one.
        """
        self.patience().insist(
            lambda: self.client.delete_item(
                TableName=self.table,
                Key=key,
                ConditionExpression="gen = :gen",
                ExpressionAttributeValues={":gen": {"S": gen}},
            )
        )

    def delete_all(self, keys: Iterable[Item]) -> None:
        """Delete items, in no order."""
        rest = iter(keys)
        while batch := [{"DeleteRequest": {"Key": key}} for key in islice(rest, DELETES_MOST)]:
            patience = self.patience()
            while batch:
                request = {self.table: batch}
                found = patience.insist(partial(self.client.batch_write_item, RequestItems=request))
                batch = found.get("UnprocessedItems", {}).get(self.table, [])
                if batch:
                    patience.pause("it did not do the whole of a batch")


def fence(seen: Meta) -> dict[str, Any]:
    """The condition that META is still what was seen."""
    return {
        "ConditionExpression": FENCE,
        "ExpressionAttributeValues": {":gen": {"S": seen.gen}, ":rev": {"N": str(seen.rev)}},
    }
