"""What costs something now: since when, how much so far, when it goes, and why. Pure.

`look.py` does the looking. The words are those of `decide`, which is what will happen.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from llmanager_sdk.core.life import Life, Rest, Seen, Slot, Timing, decide
from llmanager_sdk.resource.status import Status, duration, of_slot

UP_AGAIN = "up again"
"""The phase that is shown for a life that is gone, and of which something exists."""


class Look(NamedTuple):
    """One life, as it was seen.

    Attributes:
        slot: read before the look.
        used: the last use that the platform saw; -inf for none, None for unknown.
        at: when, on the clock of who looked.
    """

    slot: Slot
    life: Life
    seen: Seen
    used: float | None
    at: float


@dataclass(frozen=True)
class Cost:
    """One life that costs something.

    Attributes:
        status: as `llmanager status` shows it.
        spent: at most, since it was recorded, $: its worst price x its age.
        why: why it stays, or goes; in the words of `decide`.
        due: the next sweep takes a step on it.
    """

    status: Status
    look: Look
    spent: float
    why: str
    due: bool

    @property
    def last_use(self) -> str:
        """In words."""
        used, now = self.look.used, self.look.at
        if used is None:
            return "unknown"
        if used == -math.inf:
            return "none seen"
        return "now" if now - used < 60.0 else f"{duration(now - used)} ago"

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        used = self.look.used
        return self.status.as_dict() | {
            "gen": self.look.life.gen,
            "names": dict(self.look.life.names),
            "creator": self.look.life.creator,
            "seen": self.look.seen.name.lower(),
            "used": used if used is not None and math.isfinite(used) else None,
            "last_use": self.last_use,
            "spent": round(self.spent, 4),
            "why": self.why,
            "due": self.due,
        }


def cost(look: Look, platform: str, timing: Timing, me: str) -> Cost:
    """What a look says of a life.

    Args:
        me: who asks, as a worker: another one than whoever is working on it.
    """
    slot, life, seen, used, now = look
    move = decide(slot, life, seen, used, now, me, timing)
    alone = replace(slot, lives=(life,))
    told = of_slot(alone, now, timing, seen)
    if life.phase == "gone":
        told = {"phase": UP_AGAIN, "since": life.born_at, "price": life.price}
    due = not isinstance(move, Rest)
    leaves = "goes at the next sweep" if due else str(told.get("leaves", ""))
    status = Status(
        key=slot.key,
        kind=life.spec.kind,
        platform=platform,
        details=dict(life.spec.body),
        **told | {"leaves": leaves},
    )
    age = max(now - life.born_at, 0.0) if life.born_at else 0.0
    return Cost(status, look, life.price * age / 3600, move.why, due)


class Sum(NamedTuple):
    """Of several: $/h now, and $ since each was recorded."""

    rate: float
    spent: float


def total(costs: Iterable[Cost]) -> Sum:
    """Of all of them, at most."""
    each = list(costs)
    return Sum(sum(x.status.price for x in each), sum(x.spent for x in each))


def part_of(rate: float, cap: float) -> str:
    """How much of a cap is used, in words."""
    share = f"{rate / cap:.0%}" if cap else "all" if rate else "none"
    return f"{share} of the cap of {cap:.2f} $/h"
