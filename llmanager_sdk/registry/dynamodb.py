"""Slots in a DynamoDB table, and the conditions of their writes.

pk is the namespace, sk the key; the token is drawn anew by each write.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from llmanager_sdk.core.life import Page, Slot
from llmanager_sdk.registry.form import Row, dump, load, page

PAGE = 100  # slots, or 1 MB of them

ABSENT = "attribute_not_exists(pk)"
"""The first write of a slot.

    A and B read nothing ... A puts (absent: lands) ... B puts (present: fails, reads again)
"""
UNCHANGED = "rev = :rev"
"""Every later write, a renewal too.

    A and B read rev 4 ... B puts 5 (lands) ... A puts 5 (rev is 5: fails, reads again)
    B's answer is lost ... its client puts again (fails, on B's own token: landed)
"""


def query(client: Any, table: str, pk: str, **more: Any) -> Mapping[str, Any]:
    """Strongly consistent; nothing where there is no table."""
    try:
        found: Mapping[str, Any] = client.query(
            TableName=table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            **more,
        )
    except client.exceptions.ResourceNotFoundException:
        return {"Items": []}
    return found


class DynamoSlots:
    """The slots of one namespace in a table that exists."""

    def __init__(self, table: str, namespace: str, client: Any) -> None:
        self.table = table
        self.namespace = namespace
        self._client = client
        self._token: Callable[[], str] = lambda: secrets.token_hex(8)

    def read(self, key: str) -> Slot:
        """Strongly consistent."""
        at = self._at(key)
        found = self._client.get_item(TableName=self.table, Key=at, ConsistentRead=True)
        return load(*_row(found["Item"])) if "Item" in found else Slot(key)

    def swap(self, old: Slot, new: Slot) -> bool:
        """Compare and set on `rev`."""
        condition: dict[str, Any] = {"ConditionExpression": ABSENT}
        if old.rev:
            values = {":rev": {"N": str(old.rev)}}
            condition = {"ConditionExpression": UNCHANGED, "ExpressionAttributeValues": values}
        condition["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        item = self._item(old, new)
        try:
            self._client.put_item(TableName=self.table, Item=item, **condition)
        except self._client.exceptions.ConditionalCheckFailedException as error:
            return bool(error.response.get("Item", {}).get("token") == item["token"])
        return True

    def scan(self, cursor: str = "") -> Page:
        """In key order, strongly consistent."""
        more = {"ExclusiveStartKey": self._at(cursor)} if cursor else {}
        found = query(self._client, self.table, self.namespace, Limit=PAGE, **more)
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


def _row(item: Mapping[str, Any]) -> Row:
    return item["sk"]["S"], int(item["rev"]["N"]), int(item["schema"]["N"]), item["body"]["S"]
