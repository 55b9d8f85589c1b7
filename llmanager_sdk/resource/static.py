"""The `.resource` of what has no lifecycle: an encoder in this process, a dataset on disk."""

from __future__ import annotations

from collections.abc import Callable

from llmanager_sdk.resource.base import Resource, agree
from llmanager_sdk.resource.status import Status


def _nothing() -> None:
    """The default of `warm`, `stop` and `destroy`: there is nothing to do."""


class Static(Resource):
    """Infrastructure verbs for something that nobody has to start or delete.

    Args:
        status: tells what there is; creates nothing.
        warm: loads it, so that the first use is quick.
        stop: frees memory; data stay.
        destroy: deletes the data.
        what: what `destroy` deletes, for its question.
    """

    def __init__(
        self,
        status: Callable[[], Status],
        *,
        warm: Callable[[], object] = _nothing,
        stop: Callable[[], object] = _nothing,
        destroy: Callable[[], object] = _nothing,
        what: str = "its data",
    ) -> None:
        self._status = status
        self._warm = warm
        self._stop = stop
        self._destroy = destroy
        self._what = what

    def status(self) -> Status:
        """What there is, without creating anything."""
        return self._status()

    def warm(self, *, force: bool = False, wait_timeout: float | str | None = None) -> Status:
        """Load it now; there is no failure to be patient about, and nothing else to wait for."""
        self._warm()
        return self._status()

    def stop(self, *, force: bool = False, wait: bool = True) -> Status:
        """Free its memory, at once. Data stay."""
        self._stop()
        return self._status()

    def destroy(self, *, yes: bool = False) -> Status:
        """Delete it with its data; asks, unless `yes` is given."""
        agree(yes, self._what)
        self._stop()
        self._destroy()
        return self._status()

    def pin(self, duration: float | str) -> Status:
        """Nothing deletes it by itself, so there is nothing to pin."""
        return self._status()

    def logs(self, lines: int = 50) -> str:
        """It runs in this process and writes no log of its own."""
        return ""
