"""What is known about a resource at one moment, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from llmanager_sdk.core.life import Life, Seen, Slot, Timing
from llmanager_sdk.core.ports import Kind


@dataclass(frozen=True)
class Status:
    """The state of one resource.

    Attributes:
        key: its name in the registry, or of the store.
        kind: "model", "encoder", "dataset", ...
        platform: where it lives.
        phase: "cold" (nothing runs), "creating", "ready", "stopping", "failed", "deleting",
            "vanished" and "broken" (recorded as ready, and seen not to be), or "in process" and
            "on disk" for what has no lifecycle.
        served: which model really answers; differs from `asked` for a stand-in only.
        since: when this life was recorded, seconds since the epoch; 0 for none.
        keeps_until: the recorded deadline before which nobody deletes it.
        pinned_until: until when it is pinned; 0 for never.
        leaves: in words, when it goes and why.
        price: the worst case while it lives, $/h.
        open_calls: calls of this process that are open now.
        idle_timeout: what this object asks for, in seconds.
        error: why the latest start failed, if it did.
        retry_after_s: seconds until a failed spec may be tried again.
        details: what this kind of resource says beyond that.
    """

    key: str
    kind: str
    platform: str
    phase: str
    asked: str = ""
    served: str = ""
    since: float = 0.0
    keeps_until: float = 0.0
    pinned_until: float = 0.0
    leaves: str = ""
    price: float = 0.0
    open_calls: int = 0
    idle_timeout: float = 0.0
    error: str = ""
    retry_after_s: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stand_in(self) -> bool:
        """Whether another model than the one asked for answers, as the user chose."""
        return bool(self.asked) and self.asked != self.served

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self) | {"stand_in": self.stand_in}

    def __str__(self) -> str:
        parts = [f"{self.kind} {self.key} on {self.platform}: {self.phase}"]
        if self.stand_in:
            parts.append(f"{self.served} stands in for {self.asked}")
        parts += [text for text in (self.leaves, self.error) if text]
        return "; ".join(parts)


OVER = {Seen.ABSENT: "vanished", Seen.BROKEN: "broken"}
"""What a life is that is recorded as ready, by what was seen of it."""


def of_slot(slot: Slot, now: float, timing: Timing, seen: Seen | None = None) -> dict[str, Any]:
    """The fields of a `Status` that the registry knows.

    Args:
        seen: the newest life that is not gone, if somebody looked.
    """
    alive = [life for life in slot.lives if life.phase != "gone"]
    if not alive:
        waits = [each for each in slot.failures.values() if each.not_before > now]
        last = max(waits, key=lambda each: each.not_before, default=None)
        return {
            "phase": "cold",
            "leaves": "nothing runs",
            "error": last.why if last else "",
            "retry_after_s": last.not_before - now if last else 0.0,
        }
    life = alive[-1]
    stopping = life.stop and life.phase in ("creating", "ready")
    over = OVER.get(seen) if seen and life.phase == "ready" and not stopping else None
    return {
        "phase": over or ("stopping" if stopping else life.phase),
        "since": life.born_at,
        "keeps_until": life.held_until(),
        "pinned_until": life.pinned_until,
        "price": life.price,
        "leaves": "the next use or sweep notices" if over else _leaves(life, now, timing),
        "error": life.error,
    }


def looked(kind: Kind, slot: Slot, platform: str) -> Seen | None:
    """The newest life that is not gone, where a look costs nothing: on local; else None."""
    alive = [life for life in slot.lives if life.phase != "gone"]
    return kind.observe(alive[-1]) if alive and platform == "local" else None


def _leaves(life: Life, now: float, timing: Timing) -> str:
    if life.stop:
        return "goes as soon as open calls have ended: a person stopped it"
    if life.phase in ("failed", "deleting"):
        return "is being deleted"
    left = life.held_until() + timing.margin - now
    if left <= 0:
        return "goes at the next look: nobody uses it"
    pinned = life.pinned_until == life.held_until()
    return f"goes in {duration(left)} {'(pinned)' if pinned else 'unless it is used'}"


def duration(seconds: float) -> str:
    """Seconds as people write them."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
