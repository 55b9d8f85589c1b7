"""Bad cases while something is created."""

from __future__ import annotations

import math

import pytest

from llmanager_sdk.errors import RegistryUnavailable, StartFailed
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.code import Code
from tests.core.bench import Held, bench, do, endpoints, lives, sweep, want
from tests.core.scenario import overwrite, scenario


@scenario(
    "first use by three processes",
    "a life is recorded by compare-and-set before anything is created",
    ("engine.Engine._take", "yield from self.swap(slot, new)", overwrite("new")),
)
def first_use_by_three(code: Code) -> None:
    stage = bench(code)
    actors = [Actor(stage, "client") for _ in range(3)]
    # All three have read that nothing is there, and are about to record a life.
    held = [Held(each, each.engine.ensure(want(stage))).before("swap") for each in actors]
    gens = {each.finish().life.gen for each in held}
    assert gens == {1}
    assert lives(stage) == [(1, "d0", "ready")]
    assert endpoints(stage) == {1: "ready"}


@scenario(
    "Ctrl-C while creating, then a rerun, then nobody",
    "whoever comes next takes the recorded life over",
    ("claims._join", "Help(life) if forgotten else TakeOver(life)", "Await(life)"),
)
def ctrl_c_while_creating(code: Code) -> None:
    stage = bench(code, creation=1e15)
    stage.nature.start = (1e12, 1e12)
    first = Actor(stage, "client")
    lease = first.lease(want(stage))

    def interrupt(progress: object) -> None:
        if getattr(progress, "phase", "") == "starting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as stopped:
        lease.enter(notify=interrupt)
    assert "llmanager stop k" in stopped.value.__notes__[0]
    flight = lease._flight
    flight._result.exception(timeout=30)  # its thread ends by itself, at its next pause
    assert [phase for _, _, phase in lives(stage)] == ["creating"]

    for it in stage.kind.resources.values():
        it.until = stage.world.now + 30.0
    rerun = Actor(stage, "client")
    known = do(rerun, rerun.engine.ensure(want(stage), deadline=stage.world.now + 5000.0))
    assert (known.life.gen, endpoints(stage)) == (1, {1: "ready"})

    stage.world.now = known.until + stage.timing.margin + 1.0
    sweep(stage, times=3)
    assert lives(stage) == [(1, "d0", "gone")]
    assert endpoints(stage) == {}


@scenario(
    "a creator paused past its claim and past the life's death",
    "the sweep deletes what belongs to a life that is gone",
    ("life._gone", "seen in (Seen.READY, Seen.BROKEN)", "False"),
)
def creator_paused(code: Code) -> None:
    stage = bench(code)
    creator = Actor(stage, "client")
    paused = Held(creator, creator.engine.ensure(want(stage, idle=60.0))).before("create", 2)
    stage.world.now += 7200.0
    sweep(stage, times=2)
    assert lives(stage) == [(1, "d0", "gone")]
    assert endpoints(stage) == {}
    paused.before("read")  # its request goes out now, for a life that is dead
    stage.world.now += 200.0
    assert endpoints(stage) == {1: "ready"}
    report = sweep(stage, times=1)
    assert report.twins == [("k", 1)]
    sweep(stage, times=2)
    assert endpoints(stage) == {}
    assert paused.finish().life.gen == 2
    assert endpoints(stage) == {2: "ready"}


@scenario(
    "a creation that stopped between two parts",
    "a part without the rest is completed by who takes over",
    (
        "engine.Engine._build",
        "seen is Seen.BROKEN and (why := (yield Effect('why', lambda: kind.why(life))))",
        "seen is Seen.BROKEN and (why := 'it is half-made')",
    ),
)
def half_made(code: Code) -> None:
    stage = bench(code)
    first, second = Actor(stage, "client"), Actor(stage, "client")
    Held(first, first.engine.ensure(want(stage))).before("create", 2)  # it dies here
    assert endpoints(stage) == {1: ""}
    assert do(second, second.engine.ensure(want(stage))).life.gen == 1


@scenario(
    "the registry hiccups while its creator works",
    "only the platform's word makes a start fail",
    (
        "engine.Engine._build",
        "raise",
        'yield from self._fail(life, "the registry did not answer", want)',
    ),
)
def registry_hiccup(code: Code) -> None:
    stage = bench(code)
    actor = Actor(stage, "client")
    steps = actor.engine.ensure(want(stage))
    held = Held(actor, steps).before("observe")
    held._step()
    assert held._next.name == "read"
    with pytest.raises(RegistryUnavailable):
        steps.throw(RegistryUnavailable("no answer"))
    assert lives(stage) == [(1, "d0", "creating")]
    assert do(actor, actor.engine.ensure(want(stage))).life.gen == 1


@scenario(
    "a crash-looping container",
    "a digest that failed waits, twice as long each time",
    ("claims._begin", "now >= failure.not_before", "True"),
)
def crash_loop(code: Code) -> None:
    stage = bench(code)
    stage.nature.fails = 1.0
    actor, tries = Actor(stage, "client"), 0
    end = stage.world.now + 6 * 3600.0
    while stage.world.now < end:
        with pytest.raises(StartFailed) as failed:
            do(actor, actor.engine.ensure(want(stage)))
        tries += "could not be started" in failed.value.message
        assert "the container ended" in failed.value.message
        stage.world.now += 10.0
    # Each start takes 110 s to fail; waits of 30, 60, ... 1800 s lie between two.
    assert tries <= 6 + 6 * 3600 / 1800
    sweep(stage, times=3)
    assert endpoints(stage) == {}
    assert math.isfinite(stage.registry.read("k").failures["d0"].not_before)
