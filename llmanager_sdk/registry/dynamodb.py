"""The registry in a DynamoDB table: one item per slot, and every condition expression there is.

    pk (hash)   the namespace
    sk (range)  the key of the slot
    rev         the revision; compared by every write
    schema      the version of the body's form
    body        the slot, as `form` writes it
    token       drawn anew by each write: tells a write that landed although its answer was lost

The client is passed in: its region, credentials and retries are the caller's.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.life import Slot
from llmanager_sdk.core.ports import Clock, Page
from llmanager_sdk.dynamodb_table import FEATURES, Feature, TableMaker, typed
from llmanager_sdk.errors import RegistryError, RegistryUnavailable
from llmanager_sdk.registry.form import dump, load

PAGE = 100
"""How many slots a page of `scan` holds; the service ends a page at 1 MB as well."""
BODY_MOST = 380_000
"""Bytes of a body; an item may have 400 KB in all."""

ABSENT = "attribute_not_exists(pk)"
"""The first write of a slot.

    A reads nothing ... A puts (absent: lands)
    B reads nothing ............ B puts (present: fails; B reads again)
"""
UNCHANGED = "rev = :rev"
"""Every later write, a renewal too.

    A reads rev 4 ..................... A puts 5 (rev is 5: fails; A reads again)
    B reads rev 4 ... B puts 5 (lands)

If the answer to B's put is lost, B's client sends it again and fails on B's own write: the item
that comes back with the failure (ALL_OLD) bears B's token, so B knows that it landed.
"""


class DynamoRegistry:
    """The slots of one namespace in a table.

    Args:
        table: its name; made by the first write. Reading makes nothing.
        namespace: whose slots.
        client: of boto3, for "dynamodb".
        features: what is ensured beyond deletion protection; emulators lack some.
        clock: for the wait until a new table can be used.
    """

    def __init__(
        self,
        table: str,
        namespace: str,
        client: Any,
        *,
        features: Sequence[Feature] = FEATURES,
        clock: Clock = SYSTEM,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self.table = table
        self.namespace = namespace
        self._client = client
        self._features = features
        self._clock = clock
        self._token = token

    # -- slots ---------------------------------------------------------------------------------

    def read(self, key: str) -> Slot:
        """The slot, strongly consistent; an empty one with rev 0 where there is no item."""
        with _typed(key, "read"):
            try:
                found = self._client.get_item(
                    TableName=self.table, Key=self._at(key), ConsistentRead=True
                )
            except self._client.exceptions.ResourceNotFoundException:
                return Slot(key)
        return _slot(found["Item"]) if "Item" in found else Slot(key)

    def swap(self, old: Slot, new: Slot) -> bool:
        """Compare and set on `rev`; makes the table if it is not there."""
        item = self._item(old, new)
        condition: dict[str, Any] = {"ConditionExpression": ABSENT}
        if old.rev:
            condition = {
                "ConditionExpression": UNCHANGED,
                "ExpressionAttributeValues": {":rev": {"N": str(old.rev)}},
            }
        with _typed(old.key, "swap"):
            try:
                return self._put(item, condition)
            except self._client.exceptions.ResourceNotFoundException:
                if old.rev:
                    return False  # the table was lost, and the slot with it
            self.ensure_table()
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
        with _typed("*", "scan"):
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
        slots = [_slot(item) for item in found["Items"]]
        last = found.get("LastEvaluatedKey")
        return Page(slots, last["sk"]["S"] if last else "")

    def _at(self, key: str) -> dict[str, Any]:
        return {"pk": {"S": self.namespace}, "sk": {"S": key}}

    def _item(self, old: Slot, new: Slot) -> dict[str, Any]:
        body = dump(new)
        if len(body.encode()) > BODY_MOST:
            raise RegistryError(
                f"the slot is too large for one item: {len(body.encode())} bytes",
                resource=old.key,
                step="swap",
                hint="many lives of this key ended lately; use another deployment name for now",
            )
        return {
            **self._at(old.key),
            "rev": {"N": str(old.rev + 1)},
            "schema": {"N": str(new.schema)},
            "body": {"S": body},
            "token": {"S": self._token()},
        }

    # -- the table -----------------------------------------------------------------------------

    def ensure_table(self) -> None:
        """Make the table, or complete one that is half-made. May be called at any time, by many."""
        with _typed(self.table, "ensure the table"):
            TableMaker(
                self._client,
                self.table,
                "registry",
                self._features,
                self._clock,
                RegistryUnavailable,
            ).ensure()


def _slot(item: Mapping[str, Any]) -> Slot:
    return load(item["sk"]["S"], int(item["rev"]["N"]), int(item["schema"]["N"]), item["body"]["S"])


def _typed(key: str, step: str) -> AbstractContextManager[None]:
    return typed(RegistryUnavailable, "the registry", key, step)
