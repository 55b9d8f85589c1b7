"""No connection to a SQLite file outlives a fork.

SQLite keeps in memory which locks its process holds on a file; a forked child inherits that belief
and not the locks. If it went on, two processes would commit at once, or one into a log that another
has unlinked. So all connections are closed before a fork, and opened anew at their next use, by the
parent and by the child.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

PATIENCE_S = 25.0
"""How long a fork waits for reads and writes of other threads: longer than a writer for another."""


class Held:
    """One thread's connection.

    Args:
        inode: of the file that it was opened on.
    """

    def __init__(self, connection: sqlite3.Connection, inode: int) -> None:
        self.connection = connection
        self.inode = inode
        self._open = True
        self._uses = 0
        GATE.held.add(self)

    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._open

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Not to be closed by a fork meanwhile."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1

    def close(self) -> None:
        """It is not used any more."""
        self._open = False
        self.connection.close()

    def close_if_idle(self) -> None:
        """Before a fork: who forks in the middle of a transaction keeps it."""
        if self._open and not self._uses:
            self.close()


class Gate:
    """Threads use files at the same time; a fork waits for them, and they for it."""

    def __init__(self) -> None:
        self.held: WeakSet[Held] = WeakSet()
        self._changed = threading.Condition(threading.Lock())
        self._users: dict[int, int] = {}
        self._forking = False

    @contextmanager
    def use(self) -> Iterator[None]:
        """No fork happens meanwhile, but for one of this thread's own."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: not self._forking or me in self._users)
            self._users[me] = self._users.get(me, 0) + 1
        try:
            yield
        finally:
            with self._changed:
                self._users[me] -= 1
                if not self._users[me]:
                    del self._users[me]
                self._changed.notify_all()

    def before(self) -> None:
        """Let nobody in, wait for who is, and close."""
        me = threading.get_ident()
        self._changed.acquire()
        self._forking = True
        self._changed.wait_for(lambda: not self._users.keys() - {me}, PATIENCE_S)
        for each in list(self.held):
            each.close_if_idle()

    def after_in_parent(self) -> None:
        """Go on."""
        self._forking = False
        self._changed.notify_all()
        self._changed.release()

    def after_in_child(self) -> None:
        """The parent's other threads are not here."""
        me = threading.get_ident()
        self._changed = threading.Condition(threading.Lock())
        self._forking = False
        self._users = {me: self._users[me]} if me in self._users else {}


GATE = Gate()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=GATE.before,
        after_in_parent=GATE.after_in_parent,
        after_in_child=GATE.after_in_child,
    )
