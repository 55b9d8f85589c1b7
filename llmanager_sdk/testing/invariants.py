"""What must hold at every step of a simulation, whatever strikes. A breach raises `Violation`.

All of it is judged by true time and by the true state of cloud and registry, never by what an
actor believes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from llmanager_sdk.core.life import PHASES
from llmanager_sdk.testing.clock import World
from llmanager_sdk.testing.cloud import Resource, ScriptedKind

RANK = {phase: number for number, phase in enumerate(PHASES)}

INVARIANTS = {
    "open call": "no resource goes while a call on it is open",
    "early delete": "no life is condemned before its recorded deadline, or its worker's, is over",
    "phase": "phases only move right, generations only up, and a dead life keeps its tombstone",
    "lowered": "a recorded deadline is never lowered, names never change",
    "twin row": "one living row a digest; one a key, two while one replaces the other",
    "row first": "what is deleted was condemned in the registry before",
    "other life": "a deletion reaches nothing but its own life",
    "healthy": "a healthy life is not declared failed",
    "too soon": "a digest that failed is not tried before its time",
    "leak": "after the last client everything goes within a bound, three sweeps after it may",
    "stranger": "what others made is listed for a person and never touched",
    "denied": "a client that may have a resource gets it within a bound",
    "raw error": "nothing but a typed error reaches a caller",
}

FAILURES = (
    "the container ended",
    "insufficient capacity",
    "the platform did not answer",
    "it made no progress",
    "the name is taken",
)
"""For what a creation may be declared failed."""


class Violation(BaseException):
    """An invariant was broken. Not an `Exception`, so that no actor can swallow it.

    Args:
        name: which of `INVARIANTS`.
        detail: what happened.
    """

    def __init__(self, name: str, detail: str) -> None:
        assert name in INVARIANTS, name
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


class Watch:
    """Looks at every write and every deletion.

    Args:
        world: the true time.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.kind: ScriptedKind | None = None
        self.replacing = False  # somebody asked for a replacement in this run
        self.forced = False  # somebody tries again although a failure asks for patience
        self.slots: Callable[[], dict[str, Any]] = dict
        self.moves: Counter[tuple[str, str, str]] = Counter()
        self.writes = 0

    # -- writes --------------------------------------------------------------------------------

    def swapped(self, old: Any, new: Any) -> None:
        """Judge one write."""
        self.writes += 1
        if new.next_gen < old.next_gen:
            raise Violation("phase", f"next_gen went from {old.next_gen} to {new.next_gen}")
        before = {life.gen: life for life in old.lives}
        for life in new.lives:
            was = before.pop(life.gen, None)
            if was is None:
                self._born(old, new, life)
            elif was is not life:
                self._changed(was, life)
        for life in before.values():
            self._forgotten(life)
        if len(new.lives) > 1:
            self._rows(new)

    def _born(self, old: Any, new: Any, life: Any) -> None:
        self.moves["", life.phase, "birth"] += 1
        if life.phase != "creating" or life.gen < old.next_gen or new.next_gen <= life.gen:
            raise Violation("phase", f"life {life.gen} was born {life.phase}, next {new.next_gen}")
        failure = old.failures.get(life.spec.digest)
        if failure is not None and not self.forced and life.born_at < failure.not_before:
            early = failure.not_before - life.born_at
            raise Violation("too soon", f"{early:.0f} s before its next attempt is allowed")

    def _changed(self, was: Any, life: Any) -> None:
        if was.phase != life.phase:
            self.moves[was.phase, life.phase, self._how(was, life)] += 1
            if RANK[life.phase] < RANK[was.phase]:
                raise Violation("phase", f"life {life.gen} from {was.phase} to {life.phase}")
            if life.phase == "deleting":
                self._condemned(was, life)
            elif life.phase == "failed":
                self._declared_failed(was, life)
        elif was.phase == "deleting" and was.worker != life.worker:
            self.moves["deleting", "deleting", "resumed"] += 1
        elif was.phase == "creating" and life.worker not in ("", was.worker):
            self.moves["creating", "creating", "taken over"] += 1
        if life.used_until < was.used_until:
            raise Violation("lowered", f"used_until by {was.used_until - life.used_until:.0f} s")
        if life.names != was.names:
            raise Violation("lowered", "the names of a life changed")

    @staticmethod
    def _how(was: Any, life: Any) -> str:
        if life.phase == "deleting":
            return "stopped" if was.stop else "given up" if was.phase == "creating" else "idle"
        return ""

    def _condemned(self, was: Any, life: Any) -> None:
        now = self._world.now
        if was.phase == "creating" and was.worker != life.worker and now < was.worker_until:
            left = was.worker_until - now
            raise Violation("early delete", f"{was.worker} creates it for another {left:.0f} s")
        if was.phase in ("creating", "ready") and not was.stop and now < was.held_until():
            left = was.held_until() - now
            raise Violation("early delete", f"its deadline was {left:.0f} s away")

    def _declared_failed(self, was: Any, life: Any) -> None:
        assert self.kind is not None
        if was.phase == "creating":
            if not life.error.startswith(FAILURES):
                raise Violation("healthy", f"its creation failed for this: {life.error}")
            return
        it = self.kind.find(was)
        if it is not None and it.endpoint == "ready" and not it.gone_wrong:
            raise Violation("healthy", f"life {was.gen} was declared failed and is up")

    def _forgotten(self, life: Any) -> None:
        self.moves[life.phase, "", "forgotten"] += 1
        assert self.kind is not None
        if life.phase != "gone":
            raise Violation("phase", f"life {life.gen} was forgotten while {life.phase}")
        kept = self._world.now - life.gone_at
        if kept < self.kind.timing.tombstone - 61.0:
            raise Violation("phase", f"the tombstone of life {life.gen} was kept for {kept:.0f} s")

    def _rows(self, slot: Any) -> None:
        digests = [life.spec.digest for life in slot.lives if life.phase != "gone"]
        if len(digests) > (2 if self.replacing else 1) or len(set(digests)) < len(digests):
            rows = ", ".join(f"{x.gen} {x.phase} {x.spec.digest}" for x in slot.lives)
            raise Violation("twin row", rows)

    # -- the cloud -----------------------------------------------------------------------------

    def deleting(self, life: Any, it: Resource) -> None:
        """Judge one deletion that is about to take effect."""
        assert self.kind is not None
        if it.gen != life.gen:
            raise Violation("other life", f"a deletion of life {life.gen} reached life {it.gen}")
        slot = self.slots().get(life.spec.key)
        row = slot.life(life.gen) if slot is not None else None
        if row is not None and row.phase not in ("deleting", "gone"):
            raise Violation("row first", f"life {life.gen} was deleted while {row.phase}")
        stopped = row is not None and row.stop
        if row is not None and row.force:
            return
        for call in self.kind.open_calls(it):
            if not (call.excused and stopped):
                left = call.end - self._world.now
                text = f"a call of {call.process.name} on life {life.gen}, {left:.0f} s to go"
                raise Violation("open call", text)
