"""Demand that is recorded for callers whom this process never sees."""

from __future__ import annotations

from llmanager_sdk.core import verbs
from llmanager_sdk.testing.actors import Actor
from tests.core.bench import Held, bench, do, lives, sweep, want
from tests.core.test_engine import up


def test_what_is_lent_is_recorded_from_now_on() -> None:
    stage = bench()
    actor, known = up(stage)
    stage.world.now += 1.0
    lent = do(actor, verbs.lend(actor.engine, want(stage, idle=9000.0), known.life.gen))
    assert lent.until == stage.world.now + 9000.0 == next(stage.lives()).used_until
    shorter = do(actor, verbs.lend(actor.engine, want(stage, idle=1000.0), known.life.gen))
    assert shorter.until == lent.until  # a recorded deadline is never lowered
    stage.world.now = lent.until
    sweep(stage)
    assert lives(stage) == [(1, "d0", "ready")]


def test_a_stop_by_its_only_process_waits_for_those_callers() -> None:
    stage = bench()
    actor, known = up(stage)
    do(actor, verbs.lend(actor.engine, want(stage), known.life.gen))
    do(actor, verbs.stop(actor.engine, "k"))
    sweep(stage)
    assert next(stage.lives()).drain_until == stage.world.now + 660.0
    stage.world.now += 600.0
    sweep(stage)
    assert lives(stage) == [(1, "d0", "ready")]


def test_nothing_is_lent_of_what_is_going_or_gone() -> None:
    stage = bench()
    actor, known = up(stage)
    assert do(actor, verbs.lend(actor.engine, want(stage), known.life.gen + 1)) is None
    do(actor, verbs.stop(actor.engine, "k"))
    assert do(actor, verbs.lend(actor.engine, want(stage), known.life.gen)) is None
    stage.world.now += 1.0
    do(actor, verbs.see_off(actor.engine, "k", 60.0))
    assert do(actor, verbs.lend(actor.engine, want(stage), known.life.gen)) is None


def test_it_goes_on_after_a_lost_race() -> None:
    stage = bench()
    actor, known = up(stage)
    other = Actor(stage, "client")
    held = Held(actor, verbs.lend(actor.engine, want(stage), known.life.gen)).before("swap")
    do(other, verbs.pin(other.engine, "k", 9.0))
    assert held.finish() is not None
    assert next(stage.lives()).pinned_until > 0


def test_a_stop_that_wins_the_race_is_seen() -> None:
    stage = bench()
    actor, known = up(stage)
    other = Actor(stage, "client")
    held = Held(actor, verbs.lend(actor.engine, want(stage), known.life.gen)).before("swap")
    do(other, verbs.stop(other.engine, "k"))
    assert held.finish() is None
