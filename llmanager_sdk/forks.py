"""What an object that holds locks or handles must do after a fork: let go of them.

A child inherits a lock that another thread of its parent held at that moment, and nobody there
would ever release it.
"""

from __future__ import annotations

import os
from typing import Any, Protocol, TypeVar
from weakref import WeakSet


class Forgetful(Protocol):
    """An object that can begin anew."""

    def _forget(self) -> None:
        """Make new locks, and drop handles without closing them."""


Kept = TypeVar("Kept", bound=Forgetful)
_known: WeakSet[Any] = WeakSet()
_left: list[dict[str, Any]] = []


def forget_after_fork(what: Kept) -> Kept:
    """Call its `_forget` in every child that is forked from now on."""
    _known.add(what)
    return what


def _forget_all() -> None:
    for each in list(_known):
        # Handles of the parent are kept, unused: closing them would wait for threads that the
        # child does not have.
        _left.append(dict(vars(each)))
        each._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
