"""Everything that a run needs beside its actors: world, registry, cloud, scheduler, watch."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from llmanager_sdk.testing.clock import World
from llmanager_sdk.testing.cloud import Nature, Resource, ScriptedKind
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.faults import Chooser, calm
from llmanager_sdk.testing.invariants import Watch
from llmanager_sdk.testing.registry import WatchedRegistry, told
from llmanager_sdk.testing.scheduler import Scheduler

NAMESPACE = "sim"
KIND = "thing"
KEY = "k"


@contextmanager
def hushed() -> Iterator[None]:
    """The core's warnings are not shown: a simulation provokes thousands."""
    log = logging.getLogger("llmanager_sdk")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


class Stage:
    """What all actors of one run share.

    Args:
        code: the core to run.
        timing: the platform's durations.
        nature: how the cloud behaves; by default nothing goes wrong.
        random: where the cloud's chances come from.
        choose: which faults strike; by default none.
    """

    def __init__(
        self,
        code: Code,
        timing: Any,
        *,
        nature: Nature | None = None,
        random: Random | None = None,
        choose: Chooser = calm,
    ) -> None:
        self.code = code
        self.timing = timing
        self.nature = nature or Nature()
        self.random = random or Random(0)
        self.world = World()
        self.watch = Watch(self.world)
        self.kind = ScriptedKind(code, self.world, timing, self.nature, self.random, self.watch)
        self.registry = WatchedRegistry(code, self.watch)
        self.watch.kind = self.kind
        self.watch.slots = lambda: self.registry.slots
        self.scheduler = Scheduler(self.world, code, choose, self.deadlines, self.label)
        self.specs = [code.Spec(KIND, KEY, {"v": n}, f"d{n}") for n in range(3)]
        self.members: list[Any] = []
        self.calls = 0
        self.errors: Counter[str] = Counter()

    def lives(self) -> Iterator[Any]:
        """All that are recorded."""
        for slot in self.registry.slots.values():
            yield from slot.lives

    def deadlines(self) -> Iterator[float]:
        """What is recorded, and the same with the margin."""
        margin = self.timing.margin
        for life in self.lives():
            if life.phase == "gone":
                continue
            for at in (life.held_until(), life.worker_until, life.drain_until):
                if at:
                    yield at
                    yield at + margin

    def label(self, effect: Any) -> str:
        """What an effect is about to do, without doing it."""
        if effect.name not in ("swap", "create", "delete"):
            return str(effect.name)
        self.registry.peek, self.kind.peek = [], []
        try:
            effect.call()
            writes, pushes = self.registry.peek, self.kind.peek
        finally:
            self.registry.peek = self.kind.peek = None
        return pushes[0] if pushes else told(*writes[0])

    def warm(self, seconds: float, *, writers: str = "old") -> Any:
        """Put a life there that is ready and wanted for so long, by somebody who left."""
        now, names = self.world.now, self.kind.name(self.specs[0], 1, "old")
        life = self.code.Life(
            gen=1,
            spec=self.specs[0],
            names=names,
            phase="ready",
            used_until=now + seconds,
            writers=writers,
            born_at=now - 900.0,
            ready_at=now - 700.0,
        )
        self.registry.slots[KEY] = self.code.Slot(KEY, 1, next_gen=2, lives=(life,))
        it = self.kind.resources[names["endpoint"]] = Resource(names, 1)
        it.config, it.endpoint = "config" in names, "ready"
        return life
