"""What one call owes while it waits and runs: to be counted out, and to tell how it went."""

from __future__ import annotations

import os
from collections.abc import Callable

from llmanager_sdk.core.lease import Lease
from llmanager_sdk.core.ports import Notify, Progress


class Counted:
    """One call. Once counted in, it is counted out once: by `leave`, or when nobody
    holds it any more.

    An asynchronous generator whose event loop was closed is collected without its `finally`.
    A forked child owes nothing: the call is its parent's.
    """

    def __init__(self) -> None:
        self._lease: Lease | None = None
        self._process = os.getpid()

    def entered(self, lease: Lease) -> None:
        """`Lease.enter` has counted it in."""
        self._lease = lease

    def leave(self) -> None:
        """The call ended, or never began."""
        lease, self._lease = self._lease, None
        if lease is not None and self._process == os.getpid():
            lease.leave()

    __del__ = leave


class Told:
    """Tells about one wait for a resource, from its first word to its last.

    A call on a warm resource has nothing to tell, so the reporter is made when it is needed.
    """

    def __init__(self, reporter: Callable[[], Notify]) -> None:
        self._reporter = reporter
        self._report: Notify | None = None
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        if self._report is None:
            self._report = self._reporter()
        self._last = progress
        self._report(progress)

    def __enter__(self) -> Told:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._last is not None:
            phase, message = ("ready", "it is up") if kind is None else ("failed", "not up")
            self(self._last._replace(phase=phase, message=message))
