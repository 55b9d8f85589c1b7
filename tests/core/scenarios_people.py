"""Bad cases that people make: in the console, in the account, in the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from llmanager_sdk.errors import StartFailed
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.stage import Stage
from tests.core.bench import Held, bench, do, endpoints, lives, sweep, want
from tests.core.scenario import scenario


@scenario(
    "two namespaces in one account",
    "a sweep asks the platform for its own namespace only",
    ("sweep._list", "list(kind.list(namespace))", 'list(kind.list(""))'),
)
def two_namespaces(code: Code) -> None:
    one, two = _named(bench(code), "sim"), _named(bench(code), "other")
    two.kind.resources = one.kind.resources
    two.world = two.kind._world = two.scheduler.world = one.world
    for stage in (one, two):
        actor = Actor(stage, "client")
        actor.clock.world = one.world
        do(actor, actor.engine.ensure(want(stage)))
    assert len(one.kind.resources) == 2
    one.world.now += 3600.0 + 121.0
    busy = Actor(two, "client")
    busy.clock.world = one.world
    do(busy, busy.engine.ensure(want(two)))
    report = sweep(one, times=3)
    assert lives(one) == [(1, "d0", "gone")]
    assert lives(two) == [(1, "d0", "ready")]
    assert report.rowless == []
    assert report.twins == []
    assert [it.names["endpoint"].split("-")[0] for it in one.kind.resources.values()] == ["other"]


def _named(stage: Stage, namespace: str) -> Stage:
    """Make a stage's kind put its namespace before each name, and list by it."""
    kind, name, every = stage.kind, stage.kind.name, stage.kind.list

    def named(spec: Any, gen: int, token: str) -> Mapping[str, str]:
        names = name(spec, gen, token)
        return {part: f"{namespace}-{text}" for part, text in names.items()}

    def listed(asked: str) -> Iterator[Mapping[str, str]]:
        for names in every(asked):
            if all(text.startswith(asked) for text in names.values()):
                yield names

    kind.name, kind.list = named, listed  # type: ignore[method-assign]
    return stage


@scenario(
    "`replace` under load",
    "who becomes ready drains what it replaces",
    (
        "claims.became_ready",
        "replace(each, stop=True) if each.gen < life.gen and each.phase == 'ready' else each",
        "each",
    ),
)
def replace_under_load(code: Code) -> None:
    stage = bench(code)
    stage.watch.replacing = True  # the watch allows two living rows, and no third one
    stage.warm(3600.0)
    callers = [Actor(stage, "client") for _ in range(3)]
    for number, actor in enumerate(callers):
        calls = [(7.0 + number, False, lambda a: a.call(want(stage), 20.0))] * 40
        stage.scheduler.start("calls", actor, actor.script(calls))
    other, third = Actor(stage, "client"), Actor(stage, "client")
    new, newer = want(stage, 1, replace=True), want(stage, 2, replace=True)
    stage.scheduler.start("replace", other, other.engine.ensure(new), 50.0)
    stage.scheduler.start("replace", third, third.engine.ensure(newer), 400.0)
    reaper = Actor(stage, "reaper")
    stage.scheduler.start("reaper", reaper, reaper.reap(300.0))
    stage.scheduler.run(stage.world.now + 1150.0)
    assert stage.calls >= 3 * 39
    assert stage.errors == {}
    stage.scheduler.run(stage.world.now + 2500.0)
    assert lives(stage) == [(1, "d0", "gone"), (2, "d1", "gone"), (3, "d2", "ready")]


@scenario(
    "a person deletes the endpoint in the console",
    "a refused call that the control plane confirms ends the life",
    ("engine.Engine.vanished", "seen not in (Seen.ABSENT, Seen.BROKEN, Seen.GOING)", "True"),
)
def deleted_in_the_console(code: Code) -> None:
    stage = bench(code)
    actor = Actor(stage, "client")
    stage.scheduler.start("first", actor, actor.call(want(stage), 5.0))
    stage.scheduler.run(stage.world.now + 200.0)
    assert (stage.calls, endpoints(stage)) == (1, {1: "ready"})
    (it,) = stage.kind.resources.values()
    it.gone_wrong = True
    stage.kind.take_away(it, 0.0)
    stage.scheduler.start("second", actor, actor.call(want(stage), 5.0))
    stage.scheduler.run(stage.world.now + 300.0)
    assert stage.calls == 2
    assert (2, "d0", "ready") in lives(stage)
    sweep(stage, times=2)
    assert endpoints(stage) == {2: "ready"}


@scenario(
    "the registry table is lost and comes back empty",
    "names have a random part, so a new life is never an old one's twin",
    (
        "engine.Engine._take",
        "kind.name(want.spec, slot.next_gen, self._token())",
        'kind.name(want.spec, slot.next_gen, "")',
    ),
)
def registry_lost(code: Code) -> None:
    stage = bench(code)
    actor = Actor(stage, "client")
    old = do(actor, actor.engine.ensure(want(stage)))
    stage.registry.slots.clear()
    assert do(actor, actor.engine.touch(old, want(stage))) is None
    new = do(actor, actor.engine.ensure(want(stage)))
    assert (new.life.gen, old.life.gen) == (1, 1)
    assert new.life.names != old.life.names
    assert len(stage.kind.resources) == 2
    report = sweep(stage)
    listed = {name for names in report.rowless for name in names.values()}
    assert listed == set(old.life.names.values())  # for a person to judge
    stage.world.now += 86400.0
    sweep(stage, times=3)
    assert [it.names for it in stage.kind.resources.values()] == [old.life.names]


@scenario(
    "a stop while others still wait for the start",
    "its creator lets go of its claim, and nobody undoes a person's word",
    (
        "engine.Engine._raise_if_over",
        "yield from self.swap(slot, slot.with_life(released))",
        "yield from ()",
    ),
)
def stopped_while_creating(code: Code) -> None:
    stage = bench(code)
    stage.nature.start = (150.0, 150.0)
    creator, waiter, person = (Actor(stage, "client") for _ in range(3))
    making = Held(creator, creator.engine.ensure(want(stage))).before("observe", 3)
    waiting = Held(waiter, waiter.engine.ensure(want(stage))).before("read", 2)
    do(person, code.verbs.stop(person.engine, "k"))
    for held in (waiting, making):
        with pytest.raises(StartFailed, match="a person stopped it"):
            held.finish()
    stage.world.now += 150.0
    sweep(stage, times=2, every=60.0)  # long before the claim would have run out
    assert lives(stage) == [(1, "d0", "gone")]
    assert endpoints(stage) == {}


@scenario(
    "a forced stop while the metrics are gone",
    "a person who does not care whom it breaks needs no signal",
    (
        "life._ready",
        "drained or (life.force and now > life.drain_until)",
        "drained",
    ),
)
def forced_without_metrics(code: Code) -> None:
    stage = bench(code, local=True)
    stage.warm(900.0)
    stage.kind.used_outside = lambda life: None  # type: ignore[method-assign]
    person = Actor(stage, "person")
    do(person, code.verbs.stop(person.engine, "k", force=True))
    stage.world.now += 1.0
    sweep(stage, times=2, every=1.0)
    assert lives(stage) == [(1, "d0", "gone")]
