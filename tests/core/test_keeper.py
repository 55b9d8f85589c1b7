"""The leases of one process, and the thread that renews them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from llmanager_sdk.core import keeper as keepers
from llmanager_sdk.core.keeper import Keeper
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.stage import Stage
from tests.core.bench import bench, do, want


def kept(stage: Stage) -> Keeper:
    return Keeper(Actor(stage, "client").engine)


class Still(Keeper):
    """A keeper without a thread: its ticks are the test's own."""

    def wake(self) -> None:
        pass


def until(holds: Callable[[], bool]) -> None:
    """Wait for a thread, for at most half a minute."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def test_a_process_has_one_lease_for_each_demand() -> None:
    stage = bench()
    keeper = kept(stage)
    one = keeper.lease(want(stage))
    assert keeper.lease(want(stage, force=True)) is one
    assert one.want == want(stage)
    assert keeper.lease(want(stage, idle=5.0)) is not one
    assert keeper.lease(want(stage, hold="h")) is not one
    keeper.release(one)
    assert keeper.lease(want(stage)) is not one


def test_open_calls_are_counted_by_slot_and_closing_counts_them_too() -> None:
    stage = bench()
    keeper = kept(stage)
    keeper.lease(want(stage)).enter()
    keeper.lease(want(stage, idle=5000.0)).enter()
    assert keeper.open_calls("k") == 2
    assert keeper.open_calls("other") == 0
    assert keeper.close("other") == 0
    assert keeper.lease(want(stage)).life is not None
    assert keeper.close("k") == 2
    assert keeper.lease(want(stage)).life is None


def test_a_tick_renews_what_is_due_and_says_when_to_look_again() -> None:
    stage = bench()
    keeper = Still(Actor(stage, "client").engine)
    assert keeper.tick() is None
    lease, idle = keeper.lease(want(stage)), keeper.lease(want(stage, idle=60.0))
    lease.enter()
    assert idle.due_at() is None
    assert keeper.tick() == pytest.approx(30.0)
    stage.world.now += 100.0
    assert keeper.tick() == pytest.approx(30.0)
    assert next(stage.lives()).used_until == stage.world.now + 3600.0
    lease.leave()
    stage.world.now += 100.0
    assert keeper.tick() == 0.02  # nothing is left: look once more, then rest
    assert keeper.tick() is None


def test_its_thread_lives_only_while_something_is_owed() -> None:
    stage = bench()
    keeper = kept(stage)
    lease = keeper.lease(want(stage))
    lease.enter()
    until(lambda: keeper._thread is not None)
    lease.close()
    lease.leave()
    stage.world.now += 60.0
    keeper.wake()
    until(lambda: keeper._thread is None)
    lease.enter()
    assert keeper._thread is not None


def test_a_wake_in_between_is_not_lost() -> None:
    stage = bench()
    keeper = kept(stage)
    ticks = list[float | None]()

    def tick() -> float | None:
        ticks.append(None)
        if len(ticks) == 1:
            keeper._woken.set()  # somebody owes something just now
        return None

    keeper.tick = tick  # type: ignore[method-assign]
    keeper.wake()
    until(lambda: keeper._thread is None)
    assert len(ticks) == 2


def test_the_end_of_a_process_flushes_its_last_uses() -> None:
    stage = bench()
    keeper = kept(stage)
    keeper.lease(want(stage, idle=60.0))
    lease = keeper.lease(want(stage))
    lease.enter()
    stage.world.now += 3.0
    lease.leave()
    keepers._flush_all()
    assert next(stage.lives()).used_until == stage.world.now + 3600.0


def test_a_fork_starts_anew_under_another_name() -> None:
    stage = bench()
    keeper = kept(stage)
    lease = keeper.lease(want(stage))
    lease.enter()
    name = keeper.engine.me
    keepers._forget_all()
    assert keeper.engine.me == f"{name}.{os.getpid()}"
    assert (lease.open_calls, lease.life, keeper._thread) == (0, None, None)
    assert lease.enter().life.gen == 1
    assert next(stage.lives()).writers == "*"


def test_a_stop_in_this_process_starts_no_call_on_what_was_read_before() -> None:
    stage = bench()
    keeper = kept(stage)
    lease = keeper.lease(want(stage))
    lease.enter()
    lease.leave()
    actor = Actor(stage, "client")
    stop = stage.code.verbs.stop(keeper.engine, "k", close=lambda: keeper.close("k"))
    assert do(actor, stop) == 1
    assert lease._step_in() is None
    life = next(stage.lives())
    assert life == replace(life, stop=True, drain_until=stage.world.now - 120.0)
