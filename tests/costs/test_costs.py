"""What costs something, in words and sums."""

from __future__ import annotations

import math
from typing import Any

import pytest

from llmanager_sdk.core.life import Life, Seen, Slot, Spec, Timing
from llmanager_sdk.costs import UP_AGAIN, Cost, Look, cost, part_of, total

NOW = 1_000_000.0
TIMING = Timing(3600, 600, 120, 300, False)


def one(phase: Any = "ready", used: float | None = -math.inf, **fields: Any) -> Cost:
    told = {"price": 1.5, "born_at": NOW - 7200.0, "creator": "me", **fields}
    life = Life(1, Spec("endpoint", "k", {"model": "m"}, "d"), {"endpoint": "e"}, phase, **told)
    slot = Slot("k", 1, lives=(life,))
    return cost(Look(slot, life, Seen.READY, used, NOW), "aws", TIMING, "me")


@pytest.mark.parametrize(
    ("made", "goes", "why", "due"),
    [
        (
            one(used_until=NOW + 1800.0),
            "goes in 32 min unless it is used",
            "its lease or pin has not run out",
            False,
        ),
        (one(used_until=NOW - 900.0), "goes at the next sweep", "nobody used it", True),
        (one(used=None), "goes at the next look", "could not be read", False),
        (one(used=NOW - 5.0, used_until=NOW - 900.0), "goes at the next sweep", "nobody", True),
        (one("failed"), "goes at the next sweep", "it failed", True),
        (one(stop=True), "goes at the next sweep", "a stop was asked for", True),
        (one("gone"), "goes at the next sweep", "brought a dead life up again", True),
        (one("creating", worker="w", worker_until=NOW + 9.0), "goes", "w is creating it", False),
    ],
)
def test_the_words_are_those_of_decide(made: Cost, goes: str, why: str, due: bool) -> None:
    assert made.status.leaves.startswith(goes)
    assert why in made.why
    assert made.due is due


def test_what_was_spent_is_price_times_age() -> None:
    assert one().spent == pytest.approx(3.0)
    assert one(born_at=0.0).spent == 0.0
    assert total([one(), one(price=0.5)]) == (2.0, pytest.approx(4.0))
    assert total([]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("used", "words"),
    [
        (None, "unknown"),
        (-math.inf, "none seen"),
        (NOW, "now"),
        (NOW - 59.0, "now"),
        (NOW - 600.0, "10 min ago"),
    ],
)
def test_the_last_use(used: float | None, words: str) -> None:
    made = one(used=used)
    assert made.last_use == words
    assert made.as_dict()["used"] == (used if used and math.isfinite(used) else None)


def test_one_that_is_up_again() -> None:
    told = one("gone").as_dict()
    assert (told["phase"], told["price"], told["spent"]) == (UP_AGAIN, 1.5, 3.0)
    assert told["names"] == {"endpoint": "e"}


@pytest.mark.parametrize(
    ("rate", "cap", "words"),
    [
        (2.5, 5.0, "50% of the cap of 5.00 $/h"),
        (1.0, 0.0, "all of the cap"),
        (0.0, 0.0, "none of"),
    ],
)
def test_how_much_of_a_cap_is_used(rate: float, cap: float, words: str) -> None:
    assert part_of(rate, cap).startswith(words)
