"""A stage for one situation at a time: engines on a virtual clock, run by hand."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.cloud import Nature
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.stage import Stage

AWS: dict[str, Any] = {
    "idle": 3600.0,
    "max_call": 600.0,
    "margin": 120.0,
    "worker": 300.0,
    "sees_open_calls": False,
    "poll": 10.0,
}
"""The defaults of a cloud, as the docs have them."""
LOCAL: dict[str, Any] = {
    "idle": 900.0,
    "max_call": 0.0,
    "margin": 2.0,
    "worker": 5.0,
    "sees_open_calls": True,
    "poll": 0.1,
    "request": 2.0,
    "creation": 180.0,
    "drain": 0.0,
    "backoff": 1.0,
    "backoff_max": 60.0,
}
"""The defaults of this machine."""


def bench(code: Code | None = None, **more: Any) -> Stage:
    """A stage on which nothing goes wrong by itself; endpoints come up in 100 s, go in 30."""
    code = code or Code()
    numbers = LOCAL if more.pop("local", False) else AWS
    return Stage(
        code,
        code.Timing(**{**numbers, **more}),
        nature=Nature(start=(100.0, 100.0), going=0.0),
    )


def do(actor: Actor, steps: Generator[Any, Any, Any]) -> Any:
    """Run something to its end; sleeping moves the world's time."""
    return actor.stage.code.modules["drivers"].run(steps, actor.clock)


def want(stage: Stage, spec: int = 0, idle: float = 3600.0, **more: Any) -> Any:
    """What a client wants."""
    return stage.code.Want(stage.specs[spec], idle, **more)


class Held:
    """A process that is stopped before one of its effects, and may go on later.

    Args:
        actor: whose it is.
        steps: what it does.
    """

    def __init__(self, actor: Actor, steps: Generator[Any, Any, Any]) -> None:
        self._actor = actor
        self._steps = steps
        self._next = next(steps)

    def before(self, name: str, times: int = 1) -> Held:
        """Let it go on until it is about to do that, for the given time."""
        while True:
            if getattr(self._next, "name", "") == name:
                times -= 1
                if not times:
                    return self
            self._step()

    def _step(self) -> None:
        if not hasattr(self._next, "call"):
            self._actor.clock.sleep(self._next.seconds)
            self._next = self._steps.send(None)
            return
        try:
            result = self._next.call()
        except Exception as error:
            self._next = self._steps.throw(error)
        else:
            self._next = self._steps.send(result)

    def finish(self) -> Any:
        """Let it go on to its end."""
        try:
            while True:
                self._step()
        except StopIteration as done:
            return done.value


def lives(stage: Stage) -> list[tuple[int, str, str]]:
    """What is recorded: (generation, digest, phase)."""
    return [(life.gen, life.spec.digest, life.phase) for life in stage.lives()]


def endpoints(stage: Stage) -> dict[int, str]:
    """What exists: generation -> state of its endpoint."""
    for it in list(stage.kind.resources.values()):
        stage.kind.age(it)
    return {it.gen: it.endpoint for it in stage.kind.resources.values()}


def sweep(stage: Stage, *, skew: float = 0.0, times: int = 1, every: float = 300.0) -> Any:
    """Some sweeps by a new reaper, the last report."""
    reaper = Actor(stage, "reaper", skew)
    report = None
    for number in range(times):
        if number:
            stage.world.now += every
        report = do(reaper, stage.code.sweep(reaper.engine, "sim"))
    return report
