"""What the lifecycle needs of the outside: a clock, a registry, a kind of resource.

Protocols only. Registries are in `registry/`; kinds are in `local/` (and `aws/`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from llmanager_sdk.core.life import Life, Names, Page, Seen, Slot, Spec, Timing


class Clock(Protocol):
    """Time, passed in, so that tests need no sleeping."""

    def time(self) -> float:
        """Seconds since the epoch, as the wall clock says."""

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start."""

    def sleep(self, seconds: float) -> None:
        """Block this thread."""


class Registry(Protocol):
    """The slots of one namespace."""

    def read(self, key: str) -> Slot:
        """The slot, strongly consistent; an empty one with rev 0 where there is no item."""

    def swap(self, old: Slot, new: Slot) -> bool:
        """Write `new` with rev old.rev + 1 if the stored rev is still old.rev: the only write."""

    def scan(self, cursor: str = "") -> Page:
        """Slots in key order, strongly consistent, for the sweep."""


class Reapable(Protocol):
    """All that the one who deletes needs of a kind."""

    timing: Timing

    def list(self, namespace: str) -> Iterator[Names]:
        """The physical names of everything of this kind that exists now."""

    def observe(self, life: Life) -> Seen:
        """One look at a life."""

    def used_outside(self, life: Life) -> float | None:
        """The last use that the platform saw: -inf for none, None for unknown."""

    def delete(self, life: Life) -> None:
        """One idempotent push; never waits."""


class Kind(Reapable, Protocol):
    """One sort of resource that costs money or memory while it exists."""

    parts: Sequence[str]
    """What `create` makes, in order; the engine checks its claim before each."""

    def name(self, spec: Spec, gen: int, token: str) -> Names:
        """The physical names of a new life, fixed before anything is created."""

    def create(self, life: Life, part: str) -> None:
        """Ask for one part. "Exists already" is success after a look at its tags. Never waits."""

    def finish(self, life: Life) -> bool:
        """From "no longer pending" to ready: probe, autoscaling. False is "not yet"."""

    def why(self, life: Life) -> str:
        """Why the platform says it failed, with its last log lines.

        Empty when it did not: `Seen.BROKEN` without a cause is a creation that stopped between
        two parts, and is completed.
        """

    def logs(self, life: Life, lines: int) -> str:
        """The last lines that the resource wrote."""


class Progress(NamedTuple):
    """One step of bringing a resource up.

    Attributes:
        phase: "resolving", "waiting", "creating", "starting", "ready", "failed", "going".
        estimate_s: seconds the whole start takes, learned from earlier ones of the same spec.
    """

    key: str
    phase: str
    message: str
    elapsed_s: float
    estimate_s: float | None = None


Notify = Callable[[Progress], None]
