"""What the runs of `ceiling` need beside the simulation: a meter, late requests, an adversary."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

from llmanager_sdk.errors import RegistryUnavailable, ResourceError
from llmanager_sdk.testing.cloud import ScriptedKind
from llmanager_sdk.testing.faults import Fault
from llmanager_sdk.testing.scheduler import Scheduler
from llmanager_sdk.testing.stage import Stage
from llmanager_sdk.testing.tasks import Task


class Meter(ScriptedKind):
    """A cloud that writes down from when to when each endpoint existed, and for what price."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.running: dict[str, tuple[float, float]] = {}
        self.bills: list[tuple[str, float, float, float]] = []

    def create(self, life: Any, part: str) -> None:
        """From its acceptance on an endpoint costs money."""
        super().create(life, part)
        name = life.names["endpoint"]
        it = self.resources.get(name)
        if it is not None and it.endpoint and name not in self.running:
            self.running[name] = self._world.now, life.price

    def age(self, it: Any) -> None:
        """Until its deletion is over."""
        super().age(it)
        name = it.names["endpoint"]
        if not it.endpoint and name in self.running:
            began, price = self.running.pop(name)
            self.bills.append((name, price, began, it.until))

    def spent(self, since: float) -> dict[str, tuple[float, float]]:
        """For each endpoint that existed after that: seconds, and $."""
        found: dict[str, tuple[float, float]] = {}
        for name, price, began, ended in self.bills:
            if ended > since:
                seconds, amount = found.get(name, (0.0, 0.0))
                more = price * (ended - max(began, since)) / 3600
                found[name] = max(seconds, ended - since), amount + more
        return found


class Crashing(Scheduler):
    """Late effects come within the time that a request may take; late writes are remembered."""

    flight = 30.0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.writes: list[Callable[[], None]] = []

    def _ghost(self, task: Task, fault: Fault) -> bool:
        name, call = task.effect.name, task.effect.call
        self._fail(task, fault, performed=False)
        if name not in ("create", "swap", "delete"):
            return False
        due = [call]

        def late() -> None:
            with suppress(ResourceError, RegistryUnavailable, IndexError):
                due.pop()()

        if name == "swap":
            self.writes.append(late)
        self.at(self.world.now + self.flight * fault.size, late)
        return False


class Adversary:
    """Makes visits fail: of those of one life that could do something, two, one of them half-way.

    It stands between the reapers and registry and cloud.
    """

    def __init__(self, stage: Stage, random: Random) -> None:
        self._plans: dict[tuple[str, int], list[str]] = {}
        self._broken: set[tuple[str, int]] = set()
        self._random = random
        self._swap, self._delete = stage.registry.swap, stage.kind.delete
        stage.registry.swap, stage.kind.delete = self.swap, self.delete  # type: ignore[method-assign]

    def new_sweep(self) -> None:
        """What failed half-way in the last one may succeed again."""
        self._broken.clear()

    def _next(self, mark: tuple[str, int]) -> str:
        choices = (
            ["plain", "plain"],
            ["half", "plain"],
            ["plain", "half"],
            ["half"],
            ["plain"],
            [],
        )
        plan = self._plans.setdefault(mark, list(self._random.choice(choices)))
        return plan.pop(0) if plan else ""

    def swap(self, old: Any, new: Any) -> bool:
        """Refused, or accepted and then of no use."""
        before = {life.gen: life for life in old.lives}
        for life in new.lives:
            was = before.get(life.gen)
            if was is None or was == life or life.phase not in ("ready", "deleting"):
                continue
            mark = (new.key, life.gen)
            fault = self._next(mark)
            if fault == "plain" or (fault and life.phase == "ready"):
                raise RegistryUnavailable("the registry did not answer", step="swap")
            if fault:
                self._broken.add(mark)
        return self._swap(old, new)

    def delete(self, life: Any) -> None:
        """Refused once a visit is broken; at a life that is gone, as often as a visit may fail."""
        mark = (life.spec.key, life.gen)
        if mark in self._broken or (life.phase == "gone" and self._next(mark)):
            raise ResourceError("the platform did not answer", step="delete")
        self._delete(life)
