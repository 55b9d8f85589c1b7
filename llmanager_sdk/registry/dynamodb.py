"""Slots in a DynamoDB table: one item per slot, and every condition expression there is.

    pk (hash)   the namespace
    sk (range)  the key of the slot
    rev         the revision; compared by every write
    schema      the version of the body's form
    body        the slot, as `form` writes it
    token       drawn anew by each write: tells a write that landed although its answer was lost

What makes the table and types the errors is in `typed_dynamodb`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from llmanager_sdk.core.life import Page, Slot
from llmanager_sdk.registry.form import Row, dump, load, page

PAGE = 100  # slots, or 1 MB of them

ABSENT = "attribute_not_exists(pk)"
"""The first write of a slot.

    A reads nothing ... A puts (absent: lands)
    B reads nothing ............ B puts (present: fails; B reads again)
"""
UNCHANGED = "rev = :rev"
"""Every later write, a renewal too.

    A reads rev 4 ..................... A puts 5 (rev is 5: fails; A reads again)
    B reads rev 4 ... B puts 5 (lands)

If the answer to B's put is lost, its client sends it again and fails on its own write: the item
that comes back with the failure (ALL_OLD) bears B's token.
"""


class DynamoSlots:
    """The slots of one namespace in a table that exists; `token` tells one write from another."""

    def __init__(
        self,
        table: str,
        namespace: str,
        client: Any,
        *,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.table = table
        self.namespace = namespace
        self._client = client
        self._token = token

    def read(self, key: str) -> Slot:
        """The slot, strongly consistent; an empty one with rev 0 where there is no item."""
        with self._typed(key, "read"):
            try:
                found = self._client.get_item(
                    TableName=self.table, Key=self._at(key), ConsistentRead=True
                )
            except self._client.exceptions.ResourceNotFoundException:
                return Slot(key)
            return load(*_row(found["Item"])) if "Item" in found else Slot(key)

    def swap(self, old: Slot, new: Slot) -> bool:
        """Compare and set on `rev`."""
        item = self._item(old, new)
        condition: dict[str, Any] = {"ConditionExpression": ABSENT}
        if old.rev:
            condition = {
                "ConditionExpression": UNCHANGED,
                "ExpressionAttributeValues": {":rev": {"N": str(old.rev)}},
            }
        with self._typed(old.key, "swap"):
            try:
                return self._put(item, condition)
            except self._client.exceptions.ResourceNotFoundException:
                if old.rev or not self._make_table():
                    return False  # the table was lost, and the slot with it
            return self._put(item, condition)

    def _put(self, item: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
        try:
            self._client.put_item(
                TableName=self.table,
                Item=item,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **condition,
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            stored = error.response.get("Item", {})
            return bool(stored.get("token") == item["token"])
        return True

    def scan(self, cursor: str = "") -> Page:
        """Slots in key order, strongly consistent."""
        more = {"ExclusiveStartKey": self._at(cursor)} if cursor else {}
        with self._typed("*", "scan"):
            try:
                found = self._client.query(
                    TableName=self.table,
                    ConsistentRead=True,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues={":pk": {"S": self.namespace}},
                    Limit=PAGE,
                    **more,
                )
            except self._client.exceptions.ResourceNotFoundException:
                return Page([], "")
        last = found.get("LastEvaluatedKey")
        return page(map(_row, found["Items"]), last["sk"]["S"] if last else "")

    def _at(self, key: str) -> dict[str, Any]:
        return {"pk": {"S": self.namespace}, "sk": {"S": key}}

    def _item(self, old: Slot, new: Slot) -> dict[str, Any]:
        return {
            **self._at(old.key),
            "rev": {"N": str(old.rev + 1)},
            "schema": {"N": str(new.schema)},
            "body": {"S": dump(new)},
            "token": {"S": self._token()},
        }

    def _make_table(self) -> bool:
        """Whether there is a table now; who only cleans up makes none."""
        return False

    def _typed(self, key: str, step: str) -> AbstractContextManager[None]:
        """Around every call: what turns its errors into others."""
        return nullcontext()


def _row(item: Mapping[str, Any]) -> Row:
    return item["sk"]["S"], int(item["rev"]["N"]), int(item["schema"]["N"]), item["body"]["S"]
