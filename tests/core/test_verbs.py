"""A person's word: stop, pin, the end of a `with` block."""

from __future__ import annotations

import pytest

from llmanager_sdk.core import verbs
from llmanager_sdk.errors import NotRunning, ResourceError
from llmanager_sdk.testing.actors import Actor
from tests.core.bench import Held, bench, do, endpoints, lives, sweep, want
from tests.core.test_engine import up


def test_a_stop_by_the_only_user_takes_effect_at_once() -> None:
    stage = bench()
    actor, _ = up(stage)
    assert do(actor, verbs.stop(actor.engine, "k")) == 1
    stage.world.now += 1.0
    assert do(actor, verbs.see_off(actor.engine, "k", 60.0)) is True
    assert lives(stage) == [(1, "d0", "gone")]


def test_a_stop_with_an_open_call_waits_for_it() -> None:
    stage = bench()
    actor, _ = up(stage)
    assert do(actor, verbs.stop(actor.engine, "k", close=lambda: 1)) == 1
    assert do(actor, verbs.see_off(actor.engine, "k", 60.0)) is False
    assert endpoints(stage) == {1: "ready"}
    stage.world.now += 60.0 + 600.0 + 120.0
    assert do(actor, verbs.see_off(actor.engine, "k", 60.0)) is True


def test_a_stop_among_several_users_drains() -> None:
    stage = bench()
    actor, _ = up(stage)
    up(stage)
    assert do(actor, verbs.stop(actor.engine, "k")) == 1
    assert next(stage.lives()).drain_until == 0.0
    sweep(stage)
    assert next(stage.lives()).drain_until == stage.world.now + 660.0


def test_a_forced_stop_waits_for_nobody() -> None:
    stage = bench()
    actor, _ = up(stage)
    up(stage)
    assert do(actor, verbs.stop(actor.engine, "k", force=True)) == 1
    sweep(stage)
    assert lives(stage) == [(1, "d0", "gone")]


def test_a_stop_of_nothing_asks_nobody() -> None:
    stage = bench()
    actor = Actor(stage, "client")
    assert do(actor, verbs.stop(actor.engine, "k")) == 0
    assert do(actor, verbs.see_off(actor.engine, "k", 60.0)) is True
    assert stage.registry.slots == {}


def test_a_stop_that_loses_its_race_asks_again_and_spares_what_came_later() -> None:
    stage = bench()
    actor, _ = up(stage)
    other = Actor(stage, "client")
    held = Held(actor, verbs.stop(actor.engine, "k")).before("swap")
    do(other, verbs.pin(other.engine, "k", 9.0))
    held.before("read", 2)  # the first word is written; the second is to be
    stage.world.now += 1000.0
    sweep(stage, times=4)
    assert lives(stage) == [(1, "d0", "gone")]
    do(other, other.engine.ensure(want(stage)))
    assert held.finish() == 1
    assert lives(stage)[-1] == (2, "d0", "ready")
    assert not list(stage.lives())[-1].stop


def test_a_pin_keeps_a_life_and_zero_takes_it_off() -> None:
    stage = bench()
    actor, known = up(stage)
    pinned = do(actor, verbs.pin(actor.engine, "k", 86400.0))
    assert pinned.pinned_until == stage.world.now + 86400.0
    stage.world.now = known.until + 200.0
    sweep(stage)
    assert endpoints(stage) == {1: "ready"}
    do(actor, verbs.pin(actor.engine, "k", 0.0))
    sweep(stage, times=2)
    assert lives(stage) == [(1, "d0", "gone")]


def test_a_pin_that_loses_its_race_tries_again() -> None:
    stage = bench()
    actor, _ = up(stage)
    held = Held(actor, verbs.pin(actor.engine, "k", 50.0)).before("swap")
    up(stage)
    assert held.finish().pinned_until == stage.world.now + 50.0


def test_what_cannot_be_pinned_is_an_error() -> None:
    stage = bench()
    actor, _ = up(stage)
    with pytest.raises(ResourceError, match="30 is the most"):
        do(actor, verbs.pin(actor.engine, "k", 31 * 86400.0))
    do(actor, verbs.stop(actor.engine, "k"))
    with pytest.raises(NotRunning):
        do(actor, verbs.pin(actor.engine, "k", 50.0))


def test_the_end_of_a_block_lets_go_of_a_creation_too() -> None:
    stage = bench()
    actor = Actor(stage, "client")
    block = want(stage, hold="h")
    Held(actor, actor.engine.ensure(block)).before("observe", 2)
    do(actor, verbs.drop(actor.engine, "k", "h"))
    (life,) = stage.lives()
    assert (life.worker, life.holds, life.phase) == ("", {}, "creating")
    stage.world.now += 101.0
    sweep(stage, times=2)
    assert lives(stage) == [(1, "d0", "gone")]


def test_a_block_that_held_nothing_ends_without_a_write() -> None:
    stage = bench()
    actor, _ = up(stage)
    rev = stage.registry.read("k").rev
    do(actor, verbs.drop(actor.engine, "k", "h"))
    assert stage.registry.read("k").rev == rev


def test_a_drop_that_loses_its_race_tries_again_and_leaves_another_one_s_creation() -> None:
    stage = bench()
    maker, guest = Actor(stage, "client"), Actor(stage, "client")
    Held(maker, maker.engine.ensure(want(stage))).before("observe", 2)
    block = want(stage, hold="h")
    Held(guest, guest.engine.ensure(block)).before("read", 2)
    dropping = Held(guest, verbs.drop(guest.engine, "k", "h")).before("swap")
    do(maker, verbs.pin(maker.engine, "k", 9.0))
    dropping.finish()
    (life,) = stage.lives()
    assert (life.worker, life.holds) == (maker.name, {})
