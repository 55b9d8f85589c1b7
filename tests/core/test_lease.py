"""What one process knows and owes about a slot."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from llmanager_sdk.core.keeper import Keeper
from llmanager_sdk.core.lease import LOOK_EVERY, WRITE_EVERY, Lease
from llmanager_sdk.errors import RegistryUnavailable, ResourceWarming
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.stage import Stage, hushed
from tests.core.bench import bench, do, lives, want


class Quiet:
    """A keeper that only counts how often it is woken."""

    def __init__(self, stage: Stage) -> None:
        self.engine = Actor(stage, "client").engine
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


def leased(stage: Stage, **more: Any) -> tuple[Lease, Quiet]:
    keeper = Quiet(stage)
    return Lease(keeper, want(stage, **more)), keeper


class Broken:
    """A registry that is out of reach."""

    def read(self, key: str) -> Any:
        raise RegistryUnavailable("out of reach", resource=key)


def test_a_cold_call_brings_it_up_and_counts_itself_in() -> None:
    stage = bench()
    lease, keeper = leased(stage)
    assert lease.life is None
    known = lease.enter()
    assert (known.life.gen, lease.open_calls, keeper.woken) == (1, 1, 1)
    assert lease.life is not None
    lease.leave()
    assert (lease.open_calls, keeper.woken) == (0, 1)


async def test_the_same_in_an_event_loop() -> None:
    stage = bench()
    lease, _ = leased(stage)
    assert (await lease.aenter()).life.gen == 1
    assert (await lease.aenter()).life.gen == 1
    assert lease.open_calls == 2


def test_who_does_not_wait_is_told_and_finds_it_warm_later() -> None:
    stage = bench()
    lease, _ = leased(stage)
    gate, observe = threading.Event(), stage.kind.observe

    def gated(life: Any) -> Any:
        if stage.world.now > 1_000_000.0:  # after the first pause
            assert gate.wait(30)
        return observe(life)

    stage.kind.observe = gated  # type: ignore[method-assign]
    with pytest.raises(ResourceWarming):
        lease.enter(wait=False)
    with pytest.raises(ResourceWarming):
        asyncio.run(lease.aenter(wait=False))
    gate.set()
    flight = lease._flight
    assert flight is not None
    flight._result.result(30)
    assert lease.enter(wait=False).life.gen == 1


def test_a_warm_call_asks_nobody() -> None:
    stage = bench()
    lease, _ = leased(stage)
    lease.enter()
    lease._engine.registry = Broken()  # type: ignore[assignment]
    lease.enter()
    assert lease.open_calls == 2


def test_old_knowledge_is_renewed_by_a_read() -> None:
    stage = bench()
    lease, _ = leased(stage)
    lease.enter()
    stage.world.now += 61.0
    assert lease.enter().at == stage.world.now


def test_out_of_reach_calls_go_on_until_the_known_deadline() -> None:
    stage = bench()
    lease, _ = leased(stage)
    known = lease.enter()
    lease._engine.registry = Broken()  # type: ignore[assignment]
    with hushed():
        stage.world.now = known.until - 601.0
        assert lease.enter() is known
        stage.world.now = known.until - 600.0
        with pytest.raises(RegistryUnavailable):
            lease.enter()


def test_a_life_that_is_gone_is_brought_up_anew() -> None:
    stage = bench()
    lease, keeper = leased(stage)
    lease.enter()
    lease.leave()
    person = Actor(stage, "person")
    do(person, stage.code.verbs.stop(person.engine, "k", force=True))
    stage.world.now += 61.0
    assert lease.enter().life.gen == 2
    assert lives(stage) == [(1, "d0", "gone"), (2, "d0", "ready")]
    assert keeper.woken == 1


def test_closing_forgets_what_was_read_before_even_if_it_arrives_later() -> None:
    stage = bench()
    lease, _ = leased(stage)
    known = lease.enter()
    assert lease.close() == 1
    lease._learn(known, era=0)
    assert lease.life is None
    lease._learn(known, era=1)
    assert lease.life is not None


def test_a_use_is_recorded_at_most_once_a_minute_and_the_last_one_always() -> None:
    stage = bench()
    lease, _ = leased(stage)
    lease.enter()
    started = stage.registry.read("k").life(1).used_until
    assert lease.due_at() == stage.world.now + LOOK_EVERY
    stage.world.now += LOOK_EVERY
    lease.renew()
    assert stage.registry.read("k").life(1).used_until == started
    stage.world.now += WRITE_EVERY
    lease.renew()
    renewed = stage.registry.read("k").life(1).used_until
    assert renewed == started + LOOK_EVERY + WRITE_EVERY
    stage.world.now += 5.0
    lease.leave()
    stage.world.now += WRITE_EVERY
    lease.renew()
    assert stage.registry.read("k").life(1).used_until == renewed + 5.0
    assert lease.due_at() is None


def test_a_short_idle_time_is_renewed_more_often() -> None:
    stage = bench(max_call=0.0)
    lease, _ = leased(stage, idle=30.0)
    lease.enter()
    assert lease.due_at() == stage.world.now + 10.0


def test_the_end_of_a_process_records_its_last_use() -> None:
    stage = bench()
    lease, _ = leased(stage)
    lease.enter()
    stage.world.now += 5.0
    lease.leave()
    lease.renew(final=True)
    assert stage.registry.read("k").life(1).used_until == stage.world.now + 3600.0


def test_a_renewal_out_of_reach_is_tried_again() -> None:
    stage = bench()
    lease, _ = leased(stage)
    lease.enter()
    registry, lease._engine.registry = lease._engine.registry, Broken()  # type: ignore[assignment]
    stage.world.now += 100.0
    with hushed():
        lease.renew()
    assert lease.due_at() is not None
    lease._engine.registry = registry
    lease.renew()
    assert stage.registry.read("k").life(1).used_until == stage.world.now + 3600.0


def test_a_renewal_of_what_is_over_owes_nothing_more() -> None:
    stage = bench()
    lease, keeper = leased(stage)
    lease.enter()
    lease.close()
    lease.renew()
    assert lease.due_at() is None
    lease.leave()
    assert keeper.woken == 2


def test_a_refused_call_ends_the_life_only_if_the_platform_agrees() -> None:
    stage = bench()
    lease, _ = leased(stage)
    known = lease.enter()
    engine, clock = lease._engine, lease._engine.clock
    run = stage.code.modules["drivers"].run
    assert run(lease.lost(99), clock) is True
    assert run(lease.lost(1), clock) is False
    (it,) = stage.kind.resources.values()
    it.gone_wrong = True
    stage.kind.take_away(it, 0.0)
    assert run(lease.lost(1), clock) is True
    assert lease.life is None
    assert run(lease.lost(1), clock) is True
    assert engine.registry.read("k").failures["d0"].why == "it stopped answering"
    assert known.life.gen == 1


def test_an_abandoned_start_is_left_as_recorded() -> None:
    stage = bench()
    lease, _ = leased(stage)
    lease.abandon()  # nothing is under way
    lease.enter()
    lease.abandon()
    assert lives(stage) == [(1, "d0", "ready")]


def test_a_start_that_ends_without_a_life_teaches_nothing() -> None:
    stage = bench()
    lease, _ = leased(stage)
    lease._landed(None, era=0)
    assert lease.life is None


def test_threads_that_come_at_once_share_one_start() -> None:
    stage = bench()
    keeper = Keeper(Actor(stage, "client").engine)
    lease, answers = keeper.lease(want(stage)), list[Any]()
    barrier = threading.Barrier(16)

    def go() -> None:
        barrier.wait(30)
        answers.append(lease.enter())
        lease.leave()

    threads = [threading.Thread(target=go) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {known.life.gen for known in answers} == {1}
    assert len(answers) == 16
    assert lease.open_calls == 0
    assert lives(stage) == [(1, "d0", "ready")]
