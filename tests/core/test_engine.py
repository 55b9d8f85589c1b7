"""Bringing up, one effect at a time; the bad cases are in `test_scenarios`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmanager_sdk.core.claims import Known
from llmanager_sdk.core.life import Failure
from llmanager_sdk.core.ports import Progress
from llmanager_sdk.errors import ResourceError, SpecChanged, StartFailed, WaitTimeout
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.stage import Stage
from tests.core.bench import Held, bench, do, endpoints, lives, sweep, want


def up(stage: Stage, actor: Actor | None = None) -> tuple[Actor, Known]:
    """Somebody who has it."""
    actor = actor or Actor(stage, "client")
    return actor, do(actor, actor.engine.ensure(want(stage)))


def test_a_cold_start_tells_its_phases_and_learns_how_long_it_took() -> None:
    stage, told = bench(), list[Progress]()
    actor = Actor(stage, "client")
    known = do(actor, actor.engine.ensure(want(stage), notify=told.append))
    assert [told[0].phase, told[1].phase, told[-1].phase] == ["creating", "starting", "ready"]
    assert told[-1].elapsed_s == stage.registry.read("k").took["d0"] >= 100
    assert told[0].estimate_s is None
    assert known.until == known.life.used_until
    assert known.at <= stage.world.now


def test_a_second_start_knows_an_estimate() -> None:
    stage, told = bench(), list[Progress]()
    actor, _ = up(stage)
    stage.world.now += 86400
    sweep(stage, times=2)
    do(actor, actor.engine.ensure(want(stage), notify=told.append))
    assert told[0].estimate_s == stage.registry.read("k").took["d0"]


def test_who_is_covered_already_writes_nothing() -> None:
    stage = bench()
    actor, _ = up(stage)
    rev = stage.registry.read("k").rev
    stage.world.now += 60
    known = do(actor, actor.engine.ensure(want(stage)))
    assert stage.registry.read("k").rev == rev
    assert known.at == stage.world.now


def test_waiting_ends_at_its_deadline_and_the_creation_goes_on() -> None:
    stage = bench()
    actor = Actor(stage, "client")
    with pytest.raises(WaitTimeout, match="not ready after 20 s") as late:
        do(actor, actor.engine.ensure(want(stage), deadline=stage.world.now + 25))
    assert late.value.step == "starting"
    stage.world.now += 100
    assert do(actor, actor.engine.ensure(want(stage))).life.gen == 1


def test_a_creation_without_progress_fails() -> None:
    stage = bench(creation=60.0)
    actor = Actor(stage, "client")
    with pytest.raises(StartFailed, match="made no progress for 60 s"):
        do(actor, actor.engine.ensure(want(stage)))


def test_a_refused_creation_fails_with_the_platform_s_hint_and_step() -> None:
    stage = bench()

    def refuse(life: object, part: str) -> None:
        raise ResourceError(
            "insufficient capacity: no quota", step="ask for an instance", hint="ask for more"
        )

    stage.kind.create = refuse  # type: ignore[method-assign]
    actor = Actor(stage, "client")
    with pytest.raises(StartFailed, match="no quota") as failed:
        do(actor, actor.engine.ensure(want(stage)))
    assert (failed.value.step, failed.value.hint) == ("ask for an instance", "ask for more")
    assert isinstance(failed.value.__cause__, ResourceError)
    assert lives(stage) == [(1, "d0", "gone")]


def test_the_cause_is_told_even_when_it_cannot_be_cleaned_up() -> None:
    stage = bench()
    stage.nature.refuses = 1.0

    def undeletable(life: object) -> None:
        raise ResourceError("not now")

    stage.kind.delete = undeletable  # type: ignore[method-assign]
    actor = Actor(stage, "client")
    with pytest.raises(StartFailed, match="insufficient capacity"):
        do(actor, actor.engine.ensure(want(stage)))
    assert lives(stage) == [(1, "d0", "deleting")]


def test_a_failure_that_somebody_else_took_over_is_theirs_to_record() -> None:
    stage = bench()
    stage.nature.fails = 1.0
    slow, quick = Actor(stage, "client"), Actor(stage, "client")
    paused = Held(slow, slow.engine.ensure(want(stage))).before("why")
    stage.world.now += 301.0
    Held(quick, quick.engine.ensure(want(stage))).before("observe")
    with pytest.raises(StartFailed, match="the container ended"):
        paused.finish()
    assert stage.registry.read("k").failures == {}
    assert lives(stage) == [(1, "d0", "creating")]


def test_a_renewal_in_between_makes_a_failure_look_again() -> None:
    stage = bench()
    stage.nature.fails = 1.0
    maker, other = Actor(stage, "client"), Actor(stage, "client")
    paused = Held(maker, maker.engine.ensure(want(stage))).before("why")
    paused.before("swap")
    do(other, stage.code.verbs.pin(other.engine, "k", 5.0))
    with pytest.raises(StartFailed, match="the container ended"):
        paused.finish()
    assert stage.registry.read("k").failures["d0"].times == 1


def test_who_waits_for_a_start_that_fails_elsewhere_is_told_why() -> None:
    stage = bench()
    stage.nature.fails = 1.0
    maker, waiter = Actor(stage, "client"), Actor(stage, "client")
    making = Held(maker, maker.engine.ensure(want(stage))).before("why")
    waiting = Held(waiter, waiter.engine.ensure(want(stage))).before("read", 2)
    with pytest.raises(StartFailed):
        making.finish()
    with pytest.raises(StartFailed, match="the container ended"):
        waiting.finish()


def test_a_short_backoff_is_waited_out() -> None:
    stage = bench(local=True)
    spec = stage.specs[0]
    now = stage.world.now
    failures = {spec.digest: Failure(2, now + 3.0, "it died", had_started=True)}
    stage.registry.slots["k"] = stage.code.Slot("k", 1, failures=failures)
    told = list[Progress]()
    actor = Actor(stage, "client")
    do(actor, actor.engine.ensure(want(stage), notify=told.append))
    assert told[0].phase == "waiting"
    assert told[-1].elapsed_s >= 3.0


def test_another_spec_is_refused_while_it_is_held() -> None:
    stage = bench()
    _, known = up(stage)
    other = Actor(stage, "client")
    with pytest.raises(SpecChanged):
        do(other, other.engine.ensure(want(stage, 1)))
    stage.world.now = known.until + 121.0
    assert do(other, other.engine.ensure(want(stage, 1))).life.gen == 2
    assert lives(stage) == [(1, "d0", "gone"), (2, "d1", "ready")]


def test_a_first_use_that_loses_its_race_tries_again() -> None:
    stage = bench()
    up(stage)
    late, other = Actor(stage, "client"), Actor(stage, "client")
    held = Held(late, late.engine.ensure(want(stage))).before("swap")
    up(stage, other)
    assert held.finish().life.writers == "*"


def test_a_renewal_that_loses_its_race_tries_again() -> None:
    stage = bench()
    actor, known = up(stage)
    stage.world.now += 3000.0
    held = Held(actor, actor.engine.touch(known, want(stage))).before("swap")
    up(stage)
    fresh = held.finish()
    assert fresh is not None
    assert fresh.until == stage.world.now + 3600.0


def test_a_touch_records_a_past_use_and_says_what_is_over() -> None:
    stage = bench()
    actor, known = up(stage)
    used = stage.world.now + 50.0
    stage.world.now += 400.0
    fresh = do(actor, actor.engine.touch(known, want(stage), used_at=used))
    assert fresh.until == used + 3600.0
    do(actor, actor.stop("k"))
    assert do(actor, actor.engine.touch(known, want(stage))) is None


def test_vanished_asks_the_platform_before_it_believes() -> None:
    stage = bench()
    actor, known = up(stage)
    assert do(actor, actor.engine.vanished(known.life, "refused")) is False
    (it,) = stage.kind.resources.values()
    it.gone_wrong = True
    stage.kind.break_down(it)
    racing = Held(actor, actor.engine.vanished(known.life, "refused")).before("swap")
    other = Actor(stage, "client")
    do(other, stage.code.verbs.pin(other.engine, "k", 9.0))
    assert racing.finish() is True
    assert stage.registry.read("k").failures["d0"].why == "refused"
    assert do(actor, actor.engine.vanished(known.life, "refused")) is True
    assert do(actor, actor.engine.vanished(replace(known.life, gen=99), "refused")) is True


def test_no_part_is_asked_for_on_a_claim_shorter_than_a_request() -> None:
    stage = bench()
    actor = Actor(stage, "client")
    held = Held(actor, actor.engine.ensure(want(stage))).before("create")
    stage.world.now += 275.0  # 25 s of the claim are left, and a request may take 30
    claim = next(stage.lives()).worker_until
    held.before("create", 2)
    assert next(stage.lives()).worker_until > claim
    assert held.finish().life.gen == 1


def test_no_part_is_asked_for_after_a_stop() -> None:
    stage = bench()
    actor, person = Actor(stage, "client"), Actor(stage, "person")
    held = Held(actor, actor.engine.ensure(want(stage))).before("create")
    do(person, stage.code.verbs.stop(person.engine, "k"))
    with pytest.raises(StartFailed, match="a person stopped it"):
        held.finish()
    assert endpoints(stage) == {1: ""}  # the part that was on its way
