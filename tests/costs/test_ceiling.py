"""The sum, term by term. That it holds is shown in `tests/simulation/test_ceiling.py`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from llmanager_sdk.ceiling import NOBODY, Assumed, Ceiling, ceiling
from llmanager_sdk.core.life import SCHEMA, Life, Seen, Slot, Spec, Timing

NOW = 1_000_000.0
TIMING = Timing(3600, 600, 120, 300, False, linger=60, request=75)
ITS = Assumed(TIMING, lambda life: 3000.0, 500.0, sweep=300.0)
HOLD, SWEEPS, APART = 300.0 + 240.0, 900.0, 240.0
"""A claim with the margin twice; three sweeps; the margin twice."""


class Beat(NamedTuple):
    source: str
    expires: float


def life(phase: Any = "ready", **fields: Any) -> Life:
    names = {"endpoint": "e", "config": "e", "model": "e"}
    return Life(1, Spec("endpoint", "k", {}, "d"), names, phase, **{"price": 2.0, **fields})


def add(*lives: Life, seen: Seen = Seen.READY, **more: Any) -> Ceiling:
    slot = Slot("k", 1, lives=tuple(replace(x, gen=n) for n, x in enumerate(lives, 1)))
    looks = {("k", x.gen): seen for x in slot.lives}
    how: dict[str, Any] = {"seen": looks, **more}
    beats = how.pop("beats", [Beat("lambda", NOW + 600.0)])
    return ceiling([slot], beats, {"endpoint": ITS}, NOW, 5.0, **how)


def seconds(*lives: Life, **how: Any) -> float:
    (line,) = add(*lives, **how).lines
    return line.seconds


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({"used_until": NOW + 1800.0}, 1800.0 + APART),
        ({"pinned_until": NOW + 9000.0, "used_until": NOW + 1.0}, 9000.0 + APART),
        ({"holds": {"h": NOW + 700.0}}, 700.0 + APART),
        ({"used_until": NOW - 100.0}, 120.0 + APART),  # a use that CloudWatch still shows
        ({}, 120.0 + APART),
    ],
)
def test_a_ready_life_that_is_seen_to_be_up(fields: dict[str, Any], first: float) -> None:
    assert seconds(life(**fields)) == first + HOLD + SWEEPS + 500.0


@pytest.mark.parametrize("seen", [Seen.PENDING, Seen.ABSENT, Seen.UNKNOWN, Seen.GOING])
def test_one_that_may_not_be_deletable(seen: Seen) -> None:
    its = life(used_until=NOW + 60.0)
    assert seconds(its, seen=seen) == 75.0 + 3000.0 + 2 * HOLD + SWEEPS + 500.0
    assert seconds(replace(its, used_until=NOW + 5000.0), seen=seen) == (
        5000.0 + APART + 2 * HOLD + SWEEPS + 500.0
    )


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ({"stop": True}, 300.0 + 60.0 + 600.0 + APART),  # the sweep that sees it, then the drain
        ({"stop": True, "drain_until": NOW + 100.0, "used_until": NOW + 9e5}, 100.0 + APART),
    ],
)
def test_a_stopped_life_goes_without_its_lease(fields: dict[str, Any], first: float) -> None:
    assert seconds(life(**fields)) == max(first, 3075.0) + 2 * HOLD + SWEEPS + 500.0


@pytest.mark.parametrize(
    ("phase", "fields", "first"),
    [
        ("creating", {"worker_until": NOW + 9000.0}, 9000.0 + APART),
        ("creating", {"used_until": NOW + 9000.0}, 9000.0 + APART),
        ("creating", {"used_until": NOW + 9000.0, "stop": True}, 3075.0),
        ("creating", {}, 3075.0),
        ("failed", {"used_until": NOW + 9000.0}, 3075.0),
        ("deleting", {"worker_until": NOW + 4000.0}, 4000.0 + APART),
        ("deleting", {"used_until": NOW + 9000.0}, 3075.0),
    ],
)
def test_the_other_phases(phase: Any, fields: dict[str, Any], first: float) -> None:
    assert seconds(life(phase, **fields)) == first + 2 * HOLD + SWEEPS + 500.0


def test_a_dead_life_counts_where_it_may_be_up() -> None:
    dead = life("gone", gone_at=NOW - 86400.0)
    assert add(dead).lines == ()
    up = 3075.0 + SWEEPS + 500.0
    assert seconds(dead, existing={("endpoint", "e")}) == up
    assert seconds(replace(dead, gone_at=NOW - 75.0 - 120.0)) == up, "a request may be on its way"
    assert add(replace(dead, gone_at=NOW - 75.0 - 121.0)).lines == ()


def test_one_that_scales_may_be_updating() -> None:
    scales = replace(ITS, updating=lambda life: 4000.0)
    slot = Slot("k", 1, lives=(life(),))
    beats, seen = [Beat("lambda", NOW + 1.0)], {("k", 1): Seen.READY}
    (line,) = ceiling([slot], beats, {"endpoint": scales}, NOW, 5.0, seen=seen).lines
    assert line.seconds == 75.0 + 4000.0 + 2 * HOLD + SWEEPS + 500.0


def test_the_sum() -> None:
    found = add(life(used_until=NOW + 1800.0), life(price=0.5, used_until=NOW + 600.0))
    one, two = found.lines
    assert one.amount == pytest.approx(2.0 * one.seconds / 3600)
    assert found.total == pytest.approx(one.amount + two.amount)
    assert found.seconds == one.seconds > two.seconds
    assert found.rate == 2.5
    assert found.reapers == (("lambda", 600.0),)
    assert [part.seconds for part in one.parts] == [1800.0, APART, HOLD, SWEEPS, 500.0]
    assert all(part.why for part in one.parts)


def test_what_costs_nothing_is_no_line() -> None:
    found = add(life(price=0.0))
    assert (found.lines, found.total) == ((), 0.0)


def test_without_a_reaper_there_is_no_ceiling() -> None:
    for beats in ([], [Beat("lambda", NOW - 1.0)]):
        found = add(life(), beats=beats)
        assert found.unbounded == (NOBODY,)
        assert math.isinf(found.total)
        assert math.isinf(found.seconds)
    assert add(beats=[]).total == 0.0, "nothing is there, and nothing can be created"


def test_what_nobody_deletes_has_no_ceiling() -> None:
    newer = Slot("n", 1, SCHEMA + 1)
    beats = [Beat("lambda", NOW + 1.0)]
    (why,) = ceiling([newer], beats, {"endpoint": ITS}, NOW, 5.0).unbounded
    assert "newer" in why
    strange = Slot("s", 1, lives=(replace(life(), spec=Spec("index", "s", {}, "d")),))
    (why,) = ceiling([strange], beats, {"endpoint": ITS}, NOW, 5.0).unbounded
    assert "'index'" in why
    assert add(life(), unbounded=["a stray"]).unbounded == ("a stray",)
