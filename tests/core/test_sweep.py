"""A round of cleaning up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmanager_sdk.core.life import SCHEMA
from llmanager_sdk.core.sweep import Cleaner, sweep
from llmanager_sdk.errors import ResourceError
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.stage import Stage
from tests.core.bench import Held, bench, do, endpoints, lives
from tests.core.bench import sweep as sweeps


def idle(stage: Stage, count: int) -> None:
    """So many slots whose resources nobody wants."""
    stage.warm(0.0)
    (life,), slot = list(stage.lives()), stage.registry.slots.pop("k")
    (it,) = stage.kind.resources.values()
    stage.kind.resources.clear()
    for number in range(count):
        names = {part: f"n{number}-{part}" for part in life.names}
        spec = life.spec._replace(key=f"k{number:05}")
        one = replace(life, names=names, spec=spec)
        stage.registry.slots[spec.key] = replace(slot, key=spec.key, lives=(one,))
        copy = stage.kind.resources[names["endpoint"]] = type(it)(names, 1)
        copy.config, copy.endpoint = it.config, it.endpoint
    stage.world.now += 86400.0


def test_a_round_tells_what_it_did_and_spared() -> None:
    stage = bench()
    idle(stage, 2)
    stage.registry.slots["k00000"] = replace(
        stage.registry.slots["k00000"],
        lives=(replace(next(stage.lives()), used_until=stage.world.now),),
    )
    report = sweeps(stage)
    assert report.spared[0] == ("k00000", 1, "its lease or pin has not run out")
    assert {key for key, _, _ in report.done} == {"k00001"}
    assert report.errors == report.unknown == report.twins == []
    assert report.cursor == ""


def test_a_newer_schema_is_spared_and_reported() -> None:
    stage = bench()
    idle(stage, 1)
    slot = stage.registry.slots["k00000"]
    stage.registry.slots["k00000"] = replace(slot, schema=SCHEMA + 1)
    report = sweeps(stage)
    assert report.unknown == [("k00000", 0, "a newer version of llmanager wrote this")]
    assert endpoints(stage) == {1: "ready"}


def test_a_kind_that_is_not_known_here_is_spared() -> None:
    stage = bench()
    idle(stage, 1)
    cleaner: Cleaner[Any] = Cleaner(stage.registry, {}, Actor(stage, "r").clock, me="r")  # type: ignore[arg-type]
    report = do(Actor(stage, "r"), sweep(cleaner, "sim"))
    assert "no kind called 'thing'" in report.unknown[0][2]


def test_what_raises_is_reported_and_the_others_are_visited() -> None:
    stage = bench()
    idle(stage, 3)
    observe = stage.kind.observe

    def sick(life: Any) -> Any:
        if life.spec.key == "k00000":
            raise ResourceError("no access", resource="k00000")
        if life.spec.key == "k00001":
            raise KeyError("a bug")
        return observe(life)

    stage.kind.observe = sick  # type: ignore[method-assign]
    report = sweeps(stage)
    assert report.errors == [("k00000", "no access"), ("k00001", "KeyError('a bug')")]
    assert {key for key, _, _ in report.done} == {"k00002"}


def test_a_listing_that_fails_is_reported_and_rows_are_still_visited() -> None:
    stage = bench()
    idle(stage, 1)

    def closed(namespace: str) -> Any:
        raise ResourceError("no access to list")

    stage.kind.list = closed  # type: ignore[method-assign]
    report = sweeps(stage)
    assert report.errors == [("thing", "no access to list")]
    assert report.done


def test_a_round_stops_at_its_time_and_the_next_goes_on_there() -> None:
    stage = bench()
    idle(stage, 7)
    stage.registry._page = 3
    actor, visited = Actor(stage, "r"), list[str]()
    cursor, rounds = "", 0
    stage.nature.foreign = [{"endpoint": "theirs"}]
    while True:
        report = do(actor, sweep(actor.engine, "sim", cursor=cursor, until=stage.world.now - 1.0))
        visited += sorted({key for key, _, _ in report.done})
        cursor, rounds = report.cursor, rounds + 1
        assert report.rowless == [{"endpoint": "theirs"}]  # every round reads all rows
        if not cursor:
            break
    assert visited == [f"k{number:05}" for number in range(7)]
    assert rounds == 7
    assert endpoints(stage) == {}


def test_a_round_with_time_enough_goes_through_all_pages() -> None:
    stage = bench()
    idle(stage, 7)
    stage.registry._page = 3
    report = sweeps(stage)
    assert len({key for key, _, _ in report.done}) == 7
    assert report.rowless == []


def test_what_no_row_knows_is_listed_and_left_alone() -> None:
    stage = bench()
    idle(stage, 1)
    stage.nature.foreign = [{"endpoint": "theirs"}]
    assert sweeps(stage).rowless == [{"endpoint": "theirs"}]


def test_a_life_that_was_forgotten_meanwhile_is_no_error() -> None:
    stage = bench()
    idle(stage, 1)
    reaper = Actor(stage, "r")
    held = Held(reaper, sweep(reaper.engine, "sim")).before("read")
    stage.registry.slots.clear()
    report = held.finish()
    assert report.done == report.spared == report.errors == []


def test_who_does_not_act_says_what_would_be_done() -> None:
    stage = bench()
    idle(stage, 2)
    cleaner = Cleaner(
        stage.registry, Actor(stage, "r").engine.kinds, Actor(stage, "r").clock, me="r", acts=False
    )
    before = dict(stage.registry.slots)
    report = do(Actor(stage, "r"), sweep(cleaner, "sim"))
    assert [key for key, _, _ in report.done] == ["k00000", "k00001"]
    assert stage.registry.slots == before
    assert len(stage.kind.resources) == 2


def test_a_round_adds_up_what_all_costs_and_what_is_idle() -> None:
    stage = bench()
    idle(stage, 3)
    now = stage.world.now
    for number, until in enumerate((now - 9.0, now + 9.0, now + 9.0)):
        key = f"k{number:05}"
        slot = stage.registry.slots[key]
        one = replace(slot.lives[0], used_until=until, price=1.5)
        stage.registry.slots[key] = replace(slot, lives=(one,))
    report = sweeps(stage)
    assert (report.spend, report.idle) == (4.5, 1.5)


def test_beside_rows_that_cannot_be_read_nothing_counts_as_rowless() -> None:
    stage = bench()
    idle(stage, 1)
    stage.nature.foreign = [{"endpoint": "theirs"}]
    scan = stage.registry.scan
    stage.registry.scan = lambda at="": scan(at)._replace(broken=[("k9", "no slot")])  # type: ignore[method-assign]
    report = sweeps(stage)
    assert report.rowless == []
    assert report.errors == [("k9", "no slot")]
    assert report.done


def test_tombstones_are_kept_and_then_forgotten() -> None:
    stage = bench()
    idle(stage, 1)
    sweeps(stage)
    assert lives(stage) == [(1, "d0", "gone")]
    stage.world.now += 29 * 86400.0
    assert sweeps(stage).done == []
    stage.world.now += 2 * 86400.0
    assert [why for _, _, why in sweeps(stage).done] == ["its tombstone is old enough"]
    assert lives(stage) == []


def test_a_tombstone_of_an_unknown_kind_is_left_alone() -> None:
    stage = bench()
    idle(stage, 1)
    sweeps(stage)
    reaper = Actor(stage, "r")
    reaper.engine.kinds = {}
    report = do(reaper, sweep(reaper.engine, "sim"))
    assert report.unknown == report.done == []


def test_what_an_earlier_round_visited_is_not_visited_again() -> None:
    stage = bench()
    idle(stage, 2)
    for key, slot in stage.registry.slots.items():
        held = replace(slot.lives[0], used_until=stage.world.now)
        stage.registry.slots[key] = replace(slot, lives=(held,))
    reaper = Actor(stage, "r")
    report = do(reaper, sweep(reaper.engine, "sim", cursor="k00001"))
    assert [key for key, _, _ in report.spared] == ["k00001"]
