"""Checks of `core/life.py`, each a function of the module, so that they also judge its mutants."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

Check = Callable[[ModuleType], None]
CHECKS: list[Check] = []

NOW = 10_000.0
ME, OTHER = "me", "other"


def check(function: Check) -> Check:
    """Register a check."""
    CHECKS.append(function)
    return function


def timing(module: ModuleType, **more: Any) -> Any:
    """A platform with easy numbers."""
    numbers = {
        "idle": 1000.0,
        "max_call": 100.0,
        "margin": 20.0,
        "worker": 300.0,
        "sees_open_calls": False,
        "drain": 60.0,
        "tombstone": 5000.0,
    }
    return module.Timing(**{**numbers, **more})


def life(module: ModuleType, phase: str, **more: Any) -> Any:
    """A life whose claim and demand ran out long ago."""
    spec = module.Spec("kind", "key", {"v": 1}, "digest")
    return module.Life(gen=3, spec=spec, names={"a": "b"}, phase=phase, **more)


def decide(
    module: ModuleType,
    it: Any,
    *,
    seen: str = "READY",
    used: Any = -math.inf,
    now: float = NOW,
    slot: Any = None,
    **more: Any,
) -> Any:
    """What `decide` says about a life that is alone in its slot."""
    slot = slot or module.Slot("key", 7, next_gen=4, lives=(it,))
    return module.decide(slot, it, module.Seen[seen], used, now, ME, timing(module, **more))


def rests(module: ModuleType, move: Any, *, unknown: bool = False) -> None:
    assert type(move).__name__ == "Rest", move
    assert move.unknown is unknown, move
    assert move.why


def buries(module: ModuleType, move: Any) -> None:
    assert type(move).__name__ == "Write", move
    assert move.why
    it = move.slot.life(3)
    assert (it.phase, it.worker, it.worker_until) == ("deleting", ME, NOW + 300.0)


def deletes(module: ModuleType, move: Any) -> None:
    assert type(move).__name__ == "Delete", move
    assert move.why


# -- anything -------------------------------------------------------------------------------------


@check
def a_newer_schema_is_spared(module: ModuleType) -> None:
    it = life(module, "ready")
    newer = module.Slot("key", 7, schema=module.SCHEMA + 1, lives=(it,))
    move = decide(module, it, slot=newer)
    rests(module, move)
    assert "newer" in move.why


@check
def this_schema_and_older_ones_are_worked_on(module: ModuleType) -> None:
    it = life(module, "ready")
    for schema in (module.SCHEMA, module.SCHEMA - 1):
        slot = module.Slot("key", 7, schema=schema, lives=(it,))
        buries(module, decide(module, it, slot=slot))


@check
def an_unknown_state_counts_as_in_use(module: ModuleType) -> None:
    for phase in module.PHASES:
        move = decide(module, life(module, phase, worker=ME), seen="UNKNOWN")
        rests(module, move, unknown=True)
        assert "counts as in use" in move.why


# -- creating -------------------------------------------------------------------------------------


@check
def a_creation_under_way_is_left_alone(module: ModuleType) -> None:
    for until in (NOW + 100, NOW, NOW - 20):
        it = life(module, "creating", worker=OTHER, worker_until=until)
        move = decide(module, it, seen="BROKEN")
        rests(module, move)
        assert OTHER in move.why


@check
def a_creation_somebody_waits_for_is_left_alone(module: ModuleType) -> None:
    for until in (NOW + 100, NOW, NOW - 20):
        rests(module, decide(module, life(module, "creating", used_until=until), seen="ABSENT"))


@check
def a_creation_that_nobody_wants_any_more_is_given_up(module: ModuleType) -> None:
    it = life(module, "creating", used_until=NOW - 20.5, worker=OTHER, worker_until=NOW - 20.5)
    for seen in ("ABSENT", "READY", "BROKEN"):
        buries(module, decide(module, it, seen=seen))


@check
def a_stopped_creation_is_given_up_although_somebody_waits(module: ModuleType) -> None:
    it = life(module, "creating", used_until=NOW + 900, stop=True)
    buries(module, decide(module, it, seen="BROKEN"))


@check
def a_stopped_creation_under_way_is_left_to_its_worker(module: ModuleType) -> None:
    it = life(module, "creating", worker=OTHER, worker_until=NOW + 1, stop=True)
    rests(module, decide(module, it, seen="BROKEN"))


@check
def nothing_in_progress_is_deleted(module: ModuleType) -> None:
    for seen in ("PENDING", "GOING"):
        rests(module, decide(module, life(module, "creating"), seen=seen))


# -- ready ----------------------------------------------------------------------------------------


@check
def a_lease_a_hold_and_a_pin_each_keep_it(module: ModuleType) -> None:
    for until in (NOW + 100, NOW, NOW - 20):
        rests(module, decide(module, life(module, "ready", used_until=until)))
        rests(module, decide(module, life(module, "ready", pinned_until=until)))
        rests(module, decide(module, life(module, "ready", holds={"h": until, "old": 1.0})))


@check
def an_idle_life_goes(module: ModuleType) -> None:
    it = life(
        module,
        "ready",
        used_until=NOW - 20.5,
        pinned_until=NOW - 21,
        holds={"h": NOW - 22},
    )
    for seen in ("READY", "ABSENT", "PENDING"):
        buries(module, decide(module, it, seen=seen))


@check
def a_signal_that_makes_no_sense_deletes_nothing(module: ModuleType) -> None:
    for used in (None, math.nan, math.inf, NOW + 20.5, "yesterday"):
        rests(module, decide(module, life(module, "ready"), used=used), unknown=True)


@check
def a_signal_within_the_margin_of_now_makes_sense(module: ModuleType) -> None:
    move = decide(module, life(module, "ready"), used=NOW + 20.0)
    rests(module, move)
    assert "saw a use" in move.why


@check
def a_use_that_only_the_platform_saw_lingers(module: ModuleType) -> None:
    it = life(module, "ready")
    rests(module, decide(module, it, used=NOW - 100, linger=100.0))
    buries(module, decide(module, it, used=NOW - 100.5, linger=100.0))
    buries(module, decide(module, it, used=NOW - 0.5))
    rests(module, decide(module, it, used=NOW))


# -- a person's word ------------------------------------------------------------------------------


@check
def the_first_sweep_that_sees_a_stop_sets_its_deadline(module: ModuleType) -> None:
    it = life(module, "ready", used_until=NOW + 900, stop=True)
    move = decide(module, it, used=NOW)
    assert type(move).__name__ == "Write"
    assert move.why
    assert move.slot.life(3) == replace(it, drain_until=NOW + 160.0)


@check
def a_stopped_life_goes_when_its_drain_is_over(module: ModuleType) -> None:
    it = life(module, "ready", used_until=NOW + 900, stop=True)
    rests(module, decide(module, replace(it, drain_until=NOW - 20), used=NOW - 1))
    buries(module, decide(module, replace(it, drain_until=NOW - 20.5), used=NOW - 1))


@check
def a_stop_needs_no_metric_where_the_drain_is_by_the_clock(module: ModuleType) -> None:
    it = life(module, "ready", stop=True)
    buries(module, decide(module, replace(it, drain_until=NOW - 20.5), used=None))
    rests(module, decide(module, replace(it, drain_until=NOW - 20), used=None), unknown=True)


@check
def a_stopped_life_goes_when_its_host_sees_no_open_call(module: ModuleType) -> None:
    it = life(module, "ready", stop=True, drain_until=NOW + 50)
    buries(module, decide(module, it, sees_open_calls=True))
    rests(module, decide(module, it, used=NOW, sees_open_calls=True))
    rests(module, decide(module, it, used=None, sees_open_calls=True), unknown=True)


@check
def force_waits_for_its_own_deadline_only(module: ModuleType) -> None:
    it = life(module, "ready", stop=True, force=True, used_until=NOW + 900)
    for sees in (False, True):
        for used in (NOW, None):
            late = replace(it, drain_until=NOW - 0.5)
            buries(module, decide(module, late, used=used, sees_open_calls=sees))
            early = replace(it, drain_until=NOW)
            assert type(decide(module, early, used=used, sees_open_calls=sees)).__name__ == "Rest"


@check
def force_without_a_stop_means_nothing(module: ModuleType) -> None:
    it = life(module, "ready", force=True, used_until=NOW + 900, drain_until=NOW - 500)
    rests(module, decide(module, it))


# -- failed, deleting, gone -----------------------------------------------------------------------


@check
def a_failed_life_goes_once_its_worker_is_gone(module: ModuleType) -> None:
    it = life(module, "failed", used_until=NOW + 900)
    buries(module, decide(module, it, seen="BROKEN"))
    held = replace(it, worker=OTHER, worker_until=NOW - 20)
    move = decide(module, held, seen="BROKEN")
    rests(module, move)
    assert OTHER in move.why
    buries(module, decide(module, replace(held, worker_until=NOW - 20.5), seen="BROKEN"))


@check
def a_deletion_is_pushed_until_it_is_absent(module: ModuleType) -> None:
    it = life(module, "deleting", worker=ME, worker_until=NOW + 5)
    for seen in ("READY", "BROKEN"):
        deletes(module, decide(module, it, seen=seen))
    for seen in ("PENDING", "GOING"):
        rests(module, decide(module, it, seen=seen))


@check
def a_dead_life_keeps_little_but_its_names_and_what_people_said(module: ModuleType) -> None:
    kept = {"stop": True, "force": True, "ready_at": 2.0, "used_until": 3.0}
    dead = life(module, "deleting", worker=ME, worker_until=NOW + 5, error="x" * 999, **kept)
    spec = dead.spec._replace(body={"file": "f"})
    move = decide(module, replace(dead, spec=spec, holds={"a": 1.0}), seen="ABSENT")
    assert move.why
    left = move.slot.life(3)
    more = {"error": "x" * module.REMEMBERED, "gone_at": NOW, **kept}
    assert (left.spec.body, left.holds, left.worker, left.worker_until) == ({}, {}, "", 0.0)
    assert replace(left, spec=spec) == replace(life(module, "gone", **more), spec=spec)


@check
def another_one_s_deletion_is_left_to_it_for_its_time(module: ModuleType) -> None:
    it = life(module, "deleting", worker=OTHER, worker_until=NOW - 20)
    for seen in ("ABSENT", "READY"):
        move = decide(module, it, seen=seen)
        rests(module, move)
        assert OTHER in move.why
        buries(module, decide(module, replace(it, worker_until=NOW - 20.5), seen=seen))


@check
def a_twin_of_a_dead_life_is_deleted(module: ModuleType) -> None:
    it = life(module, "gone", gone_at=NOW - 100)
    for seen in ("READY", "BROKEN"):
        deletes(module, decide(module, it, seen=seen))
        deletes(module, decide(module, replace(it, gone_at=1.0), seen=seen))
    for seen in ("ABSENT", "PENDING", "GOING"):
        rests(module, decide(module, it, seen=seen))


@check
def a_tombstone_goes_when_it_is_old_and_nothing_is_there(module: ModuleType) -> None:
    it = life(module, "gone", gone_at=NOW - 5000)
    rests(module, decide(module, it, seen="ABSENT"))
    old = replace(it, gone_at=NOW - 5000.5)
    rests(module, decide(module, old, seen="PENDING"))
    other = replace(old, gen=2)
    slot = module.Slot("key", 7, next_gen=4, lives=(other, old))
    move = decide(module, old, seen="ABSENT", slot=slot)
    assert move.why
    assert move.slot == replace(slot, lives=(other,))
