"""Rows that cannot be read, as typed errors; and all slots, for those who need them all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llmanager_sdk.core.life import Slot
from llmanager_sdk.core.ports import Registry
from llmanager_sdk.errors import RegistryError
from llmanager_sdk.registry.form import BadSlot


def unreadable(key: str) -> RegistryError:
    """For one row."""
    return RegistryError(
        "the stored slot cannot be read",
        resource=key,
        step="load",
        hint="it was written by something else: move the registry away, or mend the item",
    )


@contextmanager
def legible(key: str) -> Iterator[None]:
    """Turn a row that cannot be read into a typed error."""
    try:
        yield
    except BadSlot as error:
        raise unreadable(key) from error


def every_slot(registry: Registry) -> Iterator[Slot]:
    """All slots of a namespace.

    Raises:
        RegistryError: one of them cannot be read, so that nobody knows what it may cost.
    """
    cursor = ""
    while True:
        page = registry.scan(cursor)
        for key, _ in page.broken:
            raise unreadable(key)
        yield from page.slots
        cursor = page.cursor
        if not cursor:
            return
