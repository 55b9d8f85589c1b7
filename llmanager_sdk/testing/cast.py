"""Who takes part in the schedule of a seed, and what each of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.stage import KEY, Stage

SKEW = 60.0
"""The largest accepted difference between a clock and the truth, in seconds."""

Play = list[tuple[float, bool, Callable[[Actor], Iterator[Any]]]]


class Cast:
    """The actors of one seed.

    Args:
        stage: where they take part.
        random: where their scripts come from.
        chosen: the numbers of those that take part; all by default.
    """

    def __init__(self, stage: Stage, random: Random, chosen: frozenset[int] | None) -> None:
        self._stage = stage
        self._random = random
        self._local = bool(stage.timing.sees_open_calls)
        self._roles: dict[Actor, tuple[str, Play]] = {}
        self.span = random.uniform(600.0, 5000.0)
        self._every = random.choice((10.0, 60.0) if self._local else (100.0, 300.0))
        plays: list[tuple[str, Play]] = [("reaper", [])]
        if random.random() < 0.4:
            plays.append(("reaper", []))
        plays += [("client", self._script()) for _ in range(random.choice((1, 1, 2, 2, 3)))]
        if random.random() < 0.35:
            plays.append(("person", self._person()))
        threaded = random.randrange(3)
        for number, (role, play) in enumerate(plays):
            skew, after, more = self.skew(), random.random() * 30.0, self._script()
            if chosen is None or number in chosen:
                actor = self._enter(role, play, skew, after)
                if role == "client" and number % 3 == threaded:
                    stage.scheduler.start("thread", actor, actor.script(more), after + 1.0)
        if random.random() < 0.5:
            stage.warm(random.choice((20.0, 150.0, 400.0)))
        if random.random() < 0.15:
            stage.scheduler.at(stage.world.now + random.random() * self.span, self._accident)
        stage.scheduler.crashed = self._replace

    def skew(self) -> float:
        """How wrong somebody's clock is: the extremes more often than the rest."""
        if self._local:
            return 0.0
        return self._random.choice((SKEW, -SKEW, self._random.uniform(-SKEW, SKEW)))

    def _enter(self, role: str, play: Play, skew: float, after: float) -> Actor:
        actor = Actor(self._stage, role, skew)
        self._roles[actor] = role, play
        steps = actor.reap(self._every) if role == "reaper" else actor.script(play)
        self._stage.scheduler.start(role, actor, steps, after)
        return actor

    def _replace(self, crashed: Any, size: float) -> None:
        """Somebody starts anew in the place of who crashed, or nobody does."""
        role, play = self._roles[crashed]
        if role == "reaper" or size > 0.4:
            self._enter(role, play[-2:], crashed.clock.skew, 1.0 + size * 200.0)

    def _accident(self) -> None:
        """Somebody deletes it in the console, or its container ends by itself."""
        for it in list(self._stage.kind.resources.values()):
            self._stage.kind.age(it)
            if it.endpoint == "ready":
                it.gone_wrong = True
                if self._random.random() < 0.5:
                    self._stage.kind.take_away(it, 30.0 * self._random.random())
                else:
                    self._stage.kind.break_down(it)

    # -- scripts -------------------------------------------------------------------------------

    def _want(self, **more: Any) -> Any:
        random = self._random
        idle = random.choice((40.0, 120.0) if self._local else (60.0, 300.0, 600.0))
        spec = self._stage.specs[1 if random.random() < 0.1 else 0]
        return self._stage.code.Want(spec, idle, **more)

    def _script(self) -> Play:
        random = self._random
        want = self._want()
        play: Play = []
        for number in range(random.choice((2, 3, 4, 6))):
            edge = random.random() < 0.5 and number > 0
            gap = random.random() if edge else 0.5 * 1000.0 ** random.random()
            play.append((gap, edge, self._act(want, number)))
        return play

    def _act(self, want: Any, number: int) -> Callable[[Actor], Iterator[Any]]:
        """Most often a call; else a `with` block, a replacement, a stop."""
        random = self._random
        longest = self._stage.timing.max_call or 600.0
        length = longest * (1.0 if random.random() < 0.3 else random.random())
        chance = random.random()
        if chance < 0.15:
            hold = self._want(hold=f"h{random.randrange(1 << 30)}-{number}")
            return lambda actor: actor.block(hold, length)
        if chance < 0.25:
            self._stage.watch.replacing = True
            spec = self._stage.specs[random.randrange(2)]
            new = self._stage.code.Want(spec, want.idle, replace=True)
            return lambda actor: actor.engine.ensure(new)
        if chance < 0.33:
            return lambda actor: actor.stop(KEY)
        return lambda actor: actor.call(want, length)

    def _person(self) -> Play:
        random = self._random
        force, pins = random.random() < 0.2, random.random() < 0.3
        seconds = random.choice((0.0, 50.0, 900.0))
        verbs = self._stage.code.verbs

        def act(actor: Actor) -> Iterator[Any]:
            if pins:
                return iter(verbs.pin(actor.engine, KEY, seconds))
            return actor.stop(KEY, force=force)

        return [(random.random() * self.span, False, act)]
