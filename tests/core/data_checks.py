"""Checks of the data in `core/life.py`; those of what it decides are in `decide_checks`."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType

from tests.core.decide_checks import CHECKS, check, life

__all__ = ["CHECKS"]


@check
def the_held_deadline_is_the_latest_one(module: ModuleType) -> None:
    assert life(module, "ready").held_until() == 0.0
    it = life(module, "ready", used_until=1.0, pinned_until=2.0, holds={"h": 3.0, "i": 2.5})
    assert it.held_until() == 3.0
    assert replace(it, pinned_until=9.0).held_until() == 9.0
    assert replace(it, used_until=8.0).held_until() == 8.0
    assert life(module, "ready", used_until=-5.0).held_until() == 0.0


@check
def a_slot_finds_and_replaces_its_lives(module: ModuleType) -> None:
    one, two = replace(life(module, "gone"), gen=1), life(module, "ready")
    slot = module.Slot("key", 7, lives=(one, two))
    assert slot.life(3) is two
    assert slot.life(9) is None
    new = replace(two, error="x")
    assert slot.with_life(new).lives == (one, new)


@check
def the_defaults_are_those_that_the_docs_name(module: ModuleType) -> None:
    it = module.Timing(1.0, 2.0, 3.0, 4.0, True)
    assert (it.poll, it.linger, it.knowledge, it.drain, it.request) == (1.0, 0.0, 60.0, 60.0, 30.0)
    assert (it.creation, it.backoff, it.backoff_max) == (3600.0, 30.0, 1800.0)
    assert it.tombstone == 30 * 24 * 3600.0
    assert module.REMEMBERED == 200
    new = life(module, "creating")
    assert new == module.Life(3, new.spec, {"a": "b"})
    assert (new.used_until, new.pinned_until, new.drain_until) == (0.0, 0.0, 0.0)
    assert (new.worker_until, new.born_at, new.ready_at, new.gone_at) == (0.0, 0.0, 0.0, 0.0)
    assert (new.writers, new.worker, new.error, new.creator) == ("", "", "", "")
    assert (new.stop, new.force, new.price, new.holds) == (False, False, 0.0, {})
    empty = module.Slot("key")
    assert (empty.rev, empty.schema, empty.next_gen) == (0, module.SCHEMA, 1)
    assert (empty.lives, empty.failures, empty.took) == ((), {}, {})
    assert module.Failure(1, 2.0, "x").had_started is False
    assert module.Rest("x").unknown is False
    assert module.SCHEMA == 1
    assert module.PHASES == ("creating", "ready", "failed", "deleting", "gone")
