"""Whether this process inherited a running Lance engine by a fork, and so must not use it.

Its threads are not in the child, and its memory allocator takes new ones for those of the parent:
measured with lancedb 0.40, one use in three crashed or never ended.
"""

from __future__ import annotations

import os
import sys

from llmanager_sdk.errors import StoreError

_inherited = False


def inherited() -> bool:
    """Whether Lance was in use when this process was forked."""
    return _inherited


def _look() -> None:
    global _inherited
    _inherited = _inherited or "lancedb" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_look)


def refuse_inherited(name: str) -> None:
    """Refuse to use an engine that would crash.

    Raises:
        StoreError: it was inherited.
    """
    if _inherited:
        raise StoreError(
            f"the store {name} was in use when this process was forked, which its engine does not "
            "survive",
            resource=name,
            step="open",
            hint="open the store anew in the forked process, or start processes by spawn",
        )
