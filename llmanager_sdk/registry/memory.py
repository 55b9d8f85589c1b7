"""The registry in memory: for tests and simulations, with the semantics of the lasting ones."""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import replace

from llmanager_sdk.core.life import SCHEMA, Page, Slot


class MemoryRegistry:
    """The slots of one namespace, for one process.

    Args:
        page: how many slots a page of `scan` holds.
    """

    def __init__(self, page: int = 100) -> None:
        self._slots: dict[str, Slot] = {}
        self._lock = threading.Lock()
        self._page = page

    def read(self, key: str) -> Slot:
        """The slot, or an empty one with rev 0."""
        with self._lock:
            return self._slots.get(key) or Slot(key)

    def swap(self, old: Slot, new: Slot) -> bool:
        """Compare and set on `rev`."""
        with self._lock:
            stored = self._slots.get(old.key)
            if (stored.rev if stored else 0) != old.rev:
                return False
            # Of a newer form nothing is understood but that it is one.
            known = new if new.schema <= SCHEMA else Slot(old.key, schema=new.schema)
            self._slots[old.key] = replace(known, key=old.key, rev=old.rev + 1)
            return True

    def scan(self, cursor: str = "") -> Page:
        """Slots in key order."""
        with self._lock:
            keys = sorted(self._slots)
            start = bisect_right(keys, cursor) if cursor else 0
            chosen = keys[start : start + self._page]
            more = start + self._page < len(keys)
            return Page([self._slots[key] for key in chosen], chosen[-1] if more else "")
