"""What a probe is, and what comes of it. Data only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from llmanager_sdk.errors import ResourceError

if TYPE_CHECKING:
    from llmanager_sdk.doctor.live.bench import Bench

Verdict = Literal["holds", "differs", "not tried"]


class Seen(NamedTuple):
    """What a probe saw, and whether it is what was expected."""

    holds: bool
    text: str


class NotTried(Exception):
    """A probe could not be made; its argument says why."""


class OverLimit(ResourceError):
    """What was spent and what it takes to clean up come near the limit: nothing more is tried."""


@dataclass(frozen=True)
class Probe:
    """One fact, and how it is tried.

    Attributes:
        relies: where the code relies on it.
        longest: seconds that it takes at most, what it begins to pay for included.
        paid: whether an endpoint runs meanwhile.
        needs: probes that must have been tried before, and found what they expected.
    """

    name: str
    fact: str
    relies: str
    expected: str
    look: Callable[[Bench], Seen]
    longest: float = 60.0
    paid: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a probe.

    Attributes:
        dollars: what was spent while it ran, at worst prices.
    """

    name: str
    fact: str
    relies: str
    expected: str
    seen: str
    verdict: Verdict
    seconds: float = 0.0
    dollars: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def outcome(
    probe: Probe, verdict: Verdict, seen: str, seconds: float = 0.0, dollars: float = 0.0
) -> Outcome:
    """Of a probe."""
    it = probe
    return Outcome(it.name, it.fact, it.relies, it.expected, seen, verdict, seconds, dollars)
