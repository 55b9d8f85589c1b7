"""A cloud that keeps its own time: states that take a while, refusals, lies, people in its console.

`ScriptedKind` is a `core.ports.Kind`. Its resource has the parts "config" and "endpoint", as a
hosted model has; on `Timing.sees_open_calls` only "endpoint", a host that counts its own calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from llmanager_sdk.errors import ResourceError
from llmanager_sdk.testing.clock import World
from llmanager_sdk.testing.code import Code


class Call:
    """A call on the data plane, open until `end` unless its caller leaves before."""

    __slots__ = ("end", "excused", "lost", "process")

    def __init__(self, process: Any, end: float, excused: bool) -> None:
        self.process = process
        self.end = end
        self.excused = excused  # begun on the word of an unreachable registry: `stop` may end it
        self.lost = False


class Resource:
    """What exists under the physical names of one life."""

    __slots__ = ("calls", "config", "endpoint", "gen", "gone_wrong", "last_call", "names", "until")

    def __init__(self, names: Mapping[str, str], gen: int) -> None:
        self.names = names
        self.gen = gen
        self.config = False
        self.endpoint = ""  # "", "pending", "doomed", "ready", "broken", "going"
        self.until = 0.0  # when it leaves "pending", "doomed" or "going"
        self.calls: list[Call] = []
        self.last_call = -math.inf
        self.gone_wrong = False  # somebody else deleted it, or it broke by itself


@dataclass
class Nature:
    """How a cloud behaves in one run.

    Attributes:
        start: the shortest and longest time that an endpoint takes to come up, seconds.
        going: the longest time that it takes to go.
        fails: how likely a start fails.
        refuses: how likely a creation is refused outright, for want of capacity.
        unknown: how likely a look has no answer.
        stale: how likely a look does not see what is there (eventual consistency).
        flaky: how likely a healthy endpoint refuses a call as not found.
        blind: how likely the metric of past calls is missing, NaN or in the future.
    """

    start: tuple[float, float] = (20.0, 300.0)
    going: float = 90.0
    fails: float = 0.0
    refuses: float = 0.0
    unknown: float = 0.0
    stale: float = 0.0
    flaky: float = 0.0
    blind: float = 0.0
    foreign: list[Mapping[str, str]] = field(default_factory=list)


class CloudWatcher(Protocol):
    """Who is shown what happens to resources."""

    def deleting(self, life: Any, resource: Resource) -> None:
        """A deletion was asked for and is about to take effect."""


class ScriptedKind:
    """One sort of resource of a scripted cloud.

    Args:
        code: the core whose lives it serves.
        world: whose time it lives by.
        timing: the platform's durations.
        nature: how it behaves.
        random: where its chances come from.
        watcher: is shown each deletion.
    """

    def __init__(
        self,
        code: Code,
        world: World,
        timing: Any,
        nature: Nature,
        random: Random,
        watcher: CloudWatcher,
    ) -> None:
        self.timing = timing
        self.nature = nature
        self.resources: dict[str, Resource] = {}
        self.peek: list[str] | None = None
        self.parts: Sequence[str] = (
            ("endpoint",) if timing.sees_open_calls else ("config", "endpoint")
        )
        self._seen = code.Seen
        self._world = world
        self._chance: Callable[[], float] = random.random
        self._watcher = watcher

    def name(self, spec: Any, gen: int, token: str) -> Mapping[str, str]:
        """Names with the generation and a random part."""
        return {part: f"{spec.key}-{gen}-{token}-{part}" for part in self.parts}

    def find(self, life: Any) -> Resource | None:
        """What there is, brought up to the world's time."""
        found = self.resources.get(life.names["endpoint"])
        if found is not None:
            self.age(found)
        return found

    def age(self, it: Resource) -> None:
        """Bring its state up to the world's time."""
        if it.endpoint in ("pending", "doomed", "going") and self._world.now >= it.until:
            it.endpoint = {"pending": "ready", "doomed": "broken", "going": ""}[it.endpoint]
        if not it.endpoint and not it.config:
            self.resources.pop(it.names["endpoint"], None)

    # -- creating ------------------------------------------------------------------------------

    def create(self, life: Any, part: str) -> None:
        """Ask for a part; one that exists is taken if it is this life's."""
        if self.peek is not None:
            self.peek.append(f"create {part}")
            return
        it = self.find(life)
        if it is None:
            it = Resource(life.names, life.gen)
        if it.gen != life.gen:
            raise ResourceError("the name is taken by something else", step="create")
        if part == "config":
            it.config = True
        elif not it.endpoint:
            if self._chance() < self.nature.refuses:
                raise ResourceError("insufficient capacity", step="create")
            short, long = self.nature.start
            it.until = self._world.now + short + (long - short) * self._chance()
            it.endpoint = "doomed" if self._chance() < self.nature.fails else "pending"
        self.resources[life.names["endpoint"]] = it

    def finish(self, life: Any) -> bool:
        """The probe: it does answer."""
        it = self.find(life)
        return it is not None and it.endpoint == "ready"

    def why(self, life: Any) -> str:
        """Why it failed; empty when it did not."""
        it = self.find(life)
        return "the container ended" if it is not None and it.endpoint == "broken" else ""

    def logs(self, life: Any, lines: int) -> str:
        """It writes none."""
        return ""

    # -- looking -------------------------------------------------------------------------------

    def list(self, namespace: str) -> Iterator[Mapping[str, str]]:
        """All parts that exist, and what others made under the same tag."""
        for it in list(self.resources.values()):
            self.age(it)
            if it.config:
                yield {"config": it.names["config"]}
            if it.endpoint:
                yield {"endpoint": it.names["endpoint"]}
        yield from self.nature.foreign

    def truth(self, life: Any) -> Any:
        """What a look would say if it never failed."""
        it, seen = self.find(life), self._seen
        if it is None or not (it.endpoint or it.config):
            return seen.ABSENT
        return {
            "": seen.BROKEN,
            "pending": seen.PENDING,
            "doomed": seen.PENDING,
            "ready": seen.READY,
            "broken": seen.BROKEN,
            "going": seen.GOING,
        }[it.endpoint]

    def observe(self, life: Any) -> Any:
        """One look, which may have no answer, or not see yet what was made just now."""
        nature = self.nature
        if nature.unknown and self._chance() < nature.unknown:
            return self._seen.UNKNOWN
        truth = self.truth(life)
        there = truth in (self._seen.PENDING, self._seen.READY)
        if nature.stale and there and self._chance() < nature.stale:
            return self._seen.ABSENT
        return truth

    def used_outside(self, life: Any) -> float | None:
        """Open calls, where the host counts them; else a metric that is late, or makes no sense."""
        if self.nature.blind and self._chance() < self.nature.blind:
            return (None, math.nan, self._world.now + 1e6)[int(self._chance() * 3)]
        it = self.find(life)
        if it is None:
            return -math.inf
        if self.timing.sees_open_calls:
            return self._world.now if self.open_calls(it) else -math.inf
        late = self._chance() * 300.0
        return it.last_call if it.last_call < self._world.now - late else -math.inf

    # -- calling -------------------------------------------------------------------------------

    def call(self, life: Any, process: Any, end: float, excused: bool) -> Call | None:
        """Begin a call; None when nothing of that name answers."""
        it = self.find(life)
        if it is None or it.endpoint != "ready" or it.gen != life.gen:
            return None
        if self.nature.flaky and self._chance() < self.nature.flaky:
            return None
        call = Call(process, end, excused)
        it.calls.append(call)
        it.last_call = self._world.now
        return call

    def open_calls(self, it: Resource) -> Sequence[Call]:
        """Those that have neither ended nor lost their caller."""
        if it.calls:
            now = self._world.now
            it.calls = [c for c in it.calls if c.end > now and c.process.alive and not c.lost]
        return it.calls

    # -- deleting ------------------------------------------------------------------------------

    def delete(self, life: Any) -> None:
        """One push. What is being created cannot be deleted; a host with open calls waits."""
        if self.peek is not None:
            self.peek.append("delete")
            return
        it = self.find(life)
        if it is None:
            return
        if it.endpoint in ("pending", "doomed"):
            raise ResourceError("it cannot be deleted while it is being created", step="delete")
        if self.timing.sees_open_calls and self.open_calls(it) and not life.force:
            return
        if it.endpoint in ("ready", "broken"):
            self._watcher.deleting(life, it)
            self.take_away(it, self.nature.going * self._chance())
        elif not it.endpoint:
            self._watcher.deleting(life, it)
            it.config = False
        self.age(it)

    def take_away(self, it: Resource, seconds: float) -> None:
        """Its endpoint goes, and with it its calls, whoever asked for that."""
        for call in it.calls:
            call.lost = True
        it.endpoint, it.until = "going", self._world.now + seconds
        if not it.config or seconds <= 0:
            it.until = self._world.now

    def break_down(self, it: Resource) -> None:
        """Its container ends by itself."""
        for call in it.calls:
            call.lost = True
        it.endpoint = "broken"
