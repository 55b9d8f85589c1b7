"""The registry in DynamoDB for clients: makes its table, refuses what no item holds, types errors.

Reads and writes, with their conditions, are in `dynamodb`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.life import Page, Slot
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.dynamodb_table import FEATURES, Feature, TableMaker, typed
from llmanager_sdk.errors import RegistryError, RegistryUnavailable
from llmanager_sdk.registry.dynamodb import DynamoSlots
from llmanager_sdk.registry.rows import legible

BODY_MOST = 380_000
"""Bytes of a body; an item may have 400 KB in all."""


class DynamoRegistry(DynamoSlots):
    """The slots of one namespace in a table.

    Args:
        table: its name; made by the first write. Reading makes nothing.
        namespace: whose slots.
        client: of boto3, for "dynamodb".
        features: what is ensured beyond deletion protection; emulators lack some.
        clock: for the wait until a new table can be used.
        token: makes what tells one write from all others.
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
        super().__init__(table, namespace, client)
        self._token = token
        self._features = features
        self._clock = clock

    def ensure_table(self) -> None:
        """Make the table, or complete one that is half-made. May be called at any time, by many."""
        with self._typed(self.table, "ensure the table"):
            TableMaker(
                self._client,
                self.table,
                "registry",
                self._features,
                self._clock,
                RegistryUnavailable,
            ).ensure()

    def read(self, key: str) -> Slot:
        """Strongly consistent; an empty slot with rev 0 where there is no item."""
        with self._typed(key, "read"):
            try:
                return super().read(key)
            except self._client.exceptions.ResourceNotFoundException:
                return Slot(key)

    def scan(self, cursor: str = "") -> Page:
        """Slots in key order, strongly consistent."""
        with self._typed("*", "scan"):
            return super().scan(cursor)

    def swap(self, old: Slot, new: Slot) -> bool:
        """Compare and set on `rev`; makes the table if it is not there."""
        with self._typed(old.key, "swap"):
            try:
                return super().swap(old, new)
            except self._client.exceptions.ResourceNotFoundException:
                if old.rev:
                    return False  # the table was lost, and the slot with it
            self.ensure_table()
            return super().swap(old, new)

    def _item(self, old: Slot, new: Slot) -> dict[str, Any]:
        item = super()._item(old, new)
        size = len(item["body"]["S"].encode())
        if size > BODY_MOST:
            raise RegistryError(
                f"the slot is too large for one item: {size} bytes",
                resource=old.key,
                step="swap",
                hint="many lives of this key ended lately; use another deployment name for now",
            )
        return item

    @contextmanager
    def _typed(self, key: str, step: str) -> Iterator[None]:
        with typed(RegistryUnavailable, "the registry", key, step), legible(key):
            yield
