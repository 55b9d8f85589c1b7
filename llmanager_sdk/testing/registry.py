"""The registry of a simulation: in memory, each write shown to whoever watches."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import Any, Protocol

from llmanager_sdk.testing.code import Code


class Watcher(Protocol):
    """Who is shown each write."""

    def swapped(self, old: Any, new: Any) -> None:
        """A slot was replaced."""


class WatchedRegistry:
    """`core.ports.Registry` in memory, with compare-and-set on `rev`.

    Args:
        code: whose slots it keeps.
        watcher: is shown each write.
        page: how many slots a page of `scan` holds.
    """

    def __init__(self, code: Code, watcher: Watcher, page: int = 100) -> None:
        self.slots: dict[str, Any] = {}
        self.peek: list[tuple[Any, Any]] | None = None
        self._code = code
        self._watcher = watcher
        self._page = page

    def read(self, key: str) -> Any:
        """The slot, or an empty one with rev 0."""
        return self.slots.get(key) or self._code.Slot(key)

    def swap(self, old: Any, new: Any) -> bool:
        """Compare and set on `rev`."""
        if self.peek is not None:
            self.peek.append((old, new))
            return False
        stored = self.slots.get(old.key)
        if (stored.rev if stored else 0) != old.rev:
            return False
        made = replace(new, key=old.key, rev=old.rev + 1)
        before = stored or self._code.Slot(old.key)
        self.slots[old.key] = made
        self._watcher.swapped(before, made)
        return True

    def scan(self, cursor: str = "") -> Any:
        """Slots in key order."""
        keys = sorted(self.slots)
        start = bisect_right(keys, cursor) if cursor else 0
        chosen = keys[start : start + self._page]
        more = start + self._page < len(keys)
        return self._code.Page([self.slots[key] for key in chosen], chosen[-1] if more else "")


def told(old: Any, new: Any) -> str:
    """What a write does, in a word or two."""
    before = {life.gen: life for life in old.lives}
    for life in new.lives:
        was = before.get(life.gen)
        if was is None:
            return "birth"
        if was.phase != life.phase:
            return f"{was.phase} -> {life.phase}"
        if was.worker != life.worker:
            return _worker(was, life)
        for name, what in _FIELDS.items():
            if getattr(was, name) != getattr(life, name):
                return what
    return "prune" if len(new.lives) < len(old.lives) else "write"


def _worker(was: Any, life: Any) -> str:
    if life.phase == "deleting":
        return "resume"
    return "take over" if life.worker else "release"


_FIELDS = {
    "worker_until": "claim again",
    "stop": "stop",
    "drain_until": "drain",
    "used_until": "touch",
    "holds": "touch",
    "writers": "touch",
    "pinned_until": "pin",
}
