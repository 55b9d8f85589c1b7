"""The leases of one process, and the thread that renews them.

The thread exists only while something is owed. After a fork the child starts with nothing.
"""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from contextlib import suppress
from dataclasses import replace

from llmanager_sdk.core.claims import Want
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.lease import Lease


class Keeper:
    """Keeps the leases of one engine.

    Args:
        engine: the process's view of a namespace.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._leases: dict[tuple[str, str, float, str], Lease] = {}
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        _KEEPERS.add(self)

    def lease(self, want: Want) -> Lease:
        """The one lease of this process for what is wanted."""
        mark = (want.key, want.spec.digest, want.idle, want.hold)
        with self._lock:
            lease = self._leases.get(mark)
            if lease is None:
                plain = replace(want, force=False, replace=False)
                lease = self._leases[mark] = Lease(self, plain)
            return lease

    def release(self, lease: Lease) -> None:
        """Forget the lease of a `with` block that was left."""
        with self._lock:
            self._leases = {k: each for k, each in self._leases.items() if each is not lease}

    def open_calls(self, key: str) -> int:
        """The calls of this process that are open on a slot."""
        with self._lock:
            return sum(x.open_calls for x in self._leases.values() if x.want.key == key)

    def close(self, key: str) -> int:
        """Start no call on a slot on what was read before now. Returns how many are open."""
        with self._lock:
            leases = [each for each in self._leases.values() if each.want.key == key]
        return sum(each.close() for each in leases)

    def wake(self) -> None:
        """Something new is owed."""
        with self._lock:
            self._woken.set()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="llmanager-keeper", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._woken.clear()
            pause = self.tick()
            if pause is not None:
                self._woken.wait(pause)
                continue
            with self._lock:
                if not self._woken.is_set():
                    self._thread = None
                    return

    def tick(self) -> float | None:
        """Renew what is due. Returns the seconds until the next look, None if nothing is owed."""
        with self._lock:
            leases = list(self._leases.values())
        owed = [(due, each) for each in leases if (due := each.due_at()) is not None]
        if not owed:
            return None
        now = self.engine.clock.time()
        for due, lease in owed:
            if due <= now:
                lease.renew()
        left = [due for each in leases if (due := each.due_at()) is not None]
        return max(min(left) - now, 0.02) if left else 0.02

    def flush(self) -> None:
        """Record the last uses before the process ends."""
        for lease in list(self._leases.values()):
            if lease.due_at() is not None:
                lease.renew(final=True)

    def forget(self) -> None:
        """After a fork: the parent's threads, locks and calls are not the child's."""
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._thread = None
        self.engine.me = f"{self.engine.me}.{os.getpid()}"
        for lease in self._leases.values():
            lease.forget()


_KEEPERS: weakref.WeakSet[Keeper] = weakref.WeakSet()


def _forget_all() -> None:
    for keeper in list(_KEEPERS):
        keeper.forget()


def _flush_all() -> None:
    for keeper in list(_KEEPERS):
        keeper.flush()


with suppress(AttributeError):  # where there is no fork
    os.register_at_fork(after_in_child=_forget_all)
atexit.register(_flush_all)
