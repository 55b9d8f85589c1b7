"""Bad cases while something is used."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from llmanager_sdk.errors import RegistryUnavailable
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.stage import Stage
from tests.core.bench import Held, bench, do, endpoints, lives, sweep, want
from tests.core.scenario import overwrite, scenario


def _later(stage: Stage, actor: Actor, seconds: float, steps: Iterator[Any]) -> None:
    """Let it happen among other things."""
    stage.scheduler.start("later", actor, steps, seconds)


class _Unreachable:
    """A registry that one process cannot reach."""

    def read(self, key: str) -> Any:
        raise RegistryUnavailable("no route", resource=key)

    swap = scan = read


@scenario(
    "a 10-minute stream while the registry is unreachable",
    "what is known to be recorded holds without the registry, and no longer",
    ("lease.Lease._refresh", "return self._step_in(stale=True)", "return None"),
)
def stream_without_registry(code: Code) -> None:
    stage = bench(code)
    actor, wish = Actor(stage, "client"), want(stage, idle=1800.0)
    known = do(actor, actor.engine.ensure(wish))
    lease = actor.lease(wish)
    lease._landed(known, era=0)
    _later(stage, actor, 0.0, actor.call(wish, 600.0))
    stage.scheduler.run(stage.world.now + 5.0)
    assert (stage.calls, lease.open_calls) == (1, 1)
    actor.engine.registry = _Unreachable()
    reaper = Actor(stage, "reaper", 60.0)
    _later(stage, reaper, 0.0, reaper.reap(300.0))
    _later(stage, actor, 400.0, actor.call(wish, 100.0))  # a new call, in the dark
    stage.scheduler.run(stage.world.now + 700.0)
    assert stage.calls == 2
    assert endpoints(stage) == {1: "ready"}
    stage.scheduler.run(known.until - stage.timing.max_call + 1.0)
    assert lease._step_in(stale=True) is None  # a call that might outlive the lease is not begun
    stage.scheduler.run(known.until + 1200.0)
    assert endpoints(stage) == {}


@scenario(
    "a laptop that slept mid-call",
    "what was known before the sleep is asked for again",
    (
        "engine.Engine.touch",
        "life is None or life.phase != 'ready' or life.stop",
        "life is None",
    ),
)
def laptop_slept(code: Code) -> None:
    stage = bench(code, idle=900.0)
    actor, wish = Actor(stage, "client"), want(stage, idle=900.0)
    _later(stage, actor, 0.0, actor.call(wish, 500.0))
    stage.scheduler.run(stage.world.now + 200.0)
    assert stage.calls == 1
    actor.asleep_until = stage.world.now + 8 * 3600.0
    stage.scheduler.run(actor.asleep_until - 1.0)
    sweep(stage, times=12)
    assert lives(stage) == [(1, "d0", "gone")]
    stage.scheduler.run(actor.asleep_until + 3700.0)
    assert actor.leases[0].life is None
    assert stage.registry.read("k").life(1).used_until < actor.asleep_until
    _later(stage, actor, 0.0, actor.call(wish, 5.0))
    stage.scheduler.run(stage.world.now + 300.0)
    assert stage.calls == 2
    assert endpoints(stage) == {2: "ready"}


@scenario(
    "a reaper paused between read and write",
    "its write is a compare-and-set, and a renewal came between",
    ("sweep.Cleaner.settle", "yield from self.swap(slot, new)", overwrite("new")),
)
def reaper_paused(code: Code) -> None:
    stage = bench(code)
    life = stage.warm(0.0)
    stage.world.now = life.used_until + stage.timing.margin + 1.0
    reaper, actor = Actor(stage, "reaper"), Actor(stage, "client")
    paused = Held(reaper, code.sweep(reaper.engine, "sim")).before("swap")
    known = do(actor, actor.engine.ensure(want(stage)))
    report = paused.finish()
    assert lives(stage) == [(1, "d0", "ready")]
    assert stage.registry.read("k").life(1).used_until == known.until
    assert [why for _, _, why in report.spared] == ["its lease or pin has not run out"]


@scenario(
    "a policy change under load",
    "a caller's idle timeout counts in its own renewals only",
    ("claims.renewed", "max(life.used_until, until)", "until"),
)
def policy_change(code: Code) -> None:
    stage = bench(code)
    patient, hasty = Actor(stage, "client"), Actor(stage, "client")
    do(patient, patient.engine.ensure(want(stage, idle=7200.0)))
    until = stage.registry.read("k").life(1).used_until
    do(hasty, hasty.engine.ensure(want(stage, idle=900.0)))
    for _ in range(3):
        stage.world.now += 600.0
        do(hasty, hasty.engine.ensure(want(stage, idle=900.0)))
    assert stage.registry.read("k").life(1).used_until == until
    stage.world.now = until
    sweep(stage)
    assert endpoints(stage) == {1: "ready"}


@scenario(
    "metrics missing, late, NaN, in the future",
    "unknown counts as in use, and the lease alone protects what is used",
    (
        "life._sensible",
        "isinstance(used_outside, int | float) and used_outside <= now + timing.margin",
        "True",
    ),
)
def bad_metrics(code: Code) -> None:
    stage = bench(code)
    life = stage.warm(0.0)
    stage.world.now = life.used_until + 86400.0
    for answer in (None, math.nan, math.inf, stage.world.now + 1e6, "soon"):
        stage.kind.used_outside = lambda life, answer=answer: answer  # type: ignore[method-assign]
        report = sweep(stage)
        assert [gen for _, gen, _ in report.unknown] == [1], answer
        assert not report.done
    stage.kind.used_outside = lambda life: -math.inf  # type: ignore[method-assign]
    actor = Actor(stage, "client")
    do(actor, actor.engine.ensure(want(stage)))  # a use that the metric does not show yet
    assert not sweep(stage).done
    assert endpoints(stage) == {1: "ready"}


@scenario(
    "leaving a `with` block that others do not know of",
    "a hold is a demand of its own: dropping it leaves everybody else's",
    (
        "claims.dropped",
        "replace(life, holds={h: t for h, t in life.holds.items() if h != hold})",
        "replace(life, holds={}, used_until=0.0)",
    ),
)
def hold_dropped(code: Code) -> None:
    stage = bench(code)
    inside, other = Actor(stage, "client"), Actor(stage, "client")
    block = want(stage, hold="h1")
    do(inside, inside.engine.ensure(block))
    assert stage.registry.read("k").life(1).used_until == 0.0
    _later(stage, other, 0.0, other.call(want(stage), 300.0))
    stage.scheduler.run(stage.world.now + 1.0)
    do(inside, code.verbs.drop(inside.engine, "k", "h1"))
    sweep(stage, times=2, every=60.0)
    assert endpoints(stage) == {1: "ready"}
    alone = bench(code)
    inside = Actor(alone, "client")
    do(inside, inside.engine.ensure(want(alone, hold="h2")))
    do(inside, code.verbs.drop(inside.engine, "k", "h2"))
    assert lives(alone) == [(1, "d0", "gone")]


@scenario(
    "a user whose demand others had recorded already",
    "every user writes once before its first call, so that nobody is alone by mistake",
    ("claims.due", "life.writers not in (me, '*')", "False"),
)
def silent_user(code: Code) -> None:
    stage = bench(code)
    maker, guest = Actor(stage, "client"), Actor(stage, "client")
    do(maker, maker.engine.ensure(want(stage, idle=7200.0)))
    _later(stage, guest, 0.0, guest.call(want(stage, idle=900.0), 500.0))
    stage.scheduler.run(stage.world.now + 1.0)
    assert stage.calls == 1
    do(maker, maker.stop("k"))
    sweep(stage, times=2, every=60.0)
    assert endpoints(stage) == {1: "ready"}
    assert lives(stage) == [(1, "d0", "ready")]
