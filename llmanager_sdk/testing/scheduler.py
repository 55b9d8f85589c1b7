"""Runs generators of effects as actors of one world, and lets faults strike between them.

An actor is what `core.drivers` would run: a generator of effects. Here each effect has two points,
before it and between it and its caller, at which another actor may run, this one may crash, be
held up, or be told of an error. One event at a time, in the order of virtual time.
"""

from __future__ import annotations

import math
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from heapq import heappop, heappush
from typing import Any

from llmanager_sdk.errors import RegistryUnavailable, ResourceError
from llmanager_sdk.testing.clock import World
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.faults import ANSWER, ISSUE, Chooser, Fault
from llmanager_sdk.testing.tasks import CODES, REGISTRY, Event, Process, Task


class Scheduler:
    """The one who says what happens next.

    Args:
        world: whose time it moves.
        code: the core that the actors run.
        choose: which faults happen.
        deadlines: the recorded deadlines that time likes to jump to, in true seconds.
        label: says what an effect is about to do, for coverage; asked only when a process crashes.
    """

    def __init__(
        self,
        world: World,
        code: Code,
        choose: Chooser,
        deadlines: Callable[[], Iterable[float]],
        label: Callable[[Any], str],
    ) -> None:
        self.world = world
        self.choose = choose
        self.points = 0
        self.late: list[float] = []  # when an effect whose caller was told an error takes place
        self.crashes: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[str] = Counter()
        self.crashed: Callable[[Process, float], None] = lambda process, size: None
        self.timeline: list[Event] | None = None
        self._sleep = code.Sleep
        self._unknown = code.Seen.UNKNOWN
        self._deadlines = deadlines
        self._label = label
        self._heap: list[tuple[float, int, Any]] = []
        self._count = 0
        self._tasks = 0
        self._log = array("q")
        self._parked: set[Task] = set()
        self._handlers: dict[str, Callable[[Task, Fault], bool]] = {
            "wait": self._wait,
            "edge": self._edge,
            "long": self._long,
            "nap": self._nap,
            "crash": self._crash,
            "refuse": self._refuse,
            "ghost": self._ghost,
            "lose": self._lose,
        }

    # -- tasks ---------------------------------------------------------------------------------

    def start(self, name: str, process: Process, steps: Iterator[Any], after: float = 0.0) -> Task:
        """Let a process begin something."""
        self._tasks += 1
        task = Task(self._tasks, name, process, steps)
        self._push(self.world.now + after, task)
        return task

    def at(self, when: float, happens: Callable[[], None]) -> None:
        """Let something happen by itself."""
        self._push(when, happens)

    def unpark(self, task: Task) -> None:
        """End the endless sleep of a task, if it is in one."""
        if task in self._parked:
            self._parked.remove(task)
            self._push(self.world.now, task)

    def _push(self, when: float, what: Task | Callable[[], None]) -> None:
        self._count += 1
        heappush(self._heap, (when, self._count, what))

    @property
    def trace(self) -> int:
        """A number that two equal runs have in common."""
        return zlib.crc32(self._log.tobytes())

    # -- running -------------------------------------------------------------------------------

    def run(self, until: float, points: float = math.inf) -> None:
        """Let things happen until then, or until that many points were passed."""
        heap, world = self._heap, self.world
        while heap and self.points < points:
            when = heap[0][0]
            if when > until:
                break
            _, _, what = heappop(heap)
            world.now = max(world.now, when)
            if isinstance(what, Task):
                process = what.process
                if not process.alive:
                    what.steps.close()
                elif process.asleep_until > world.now:
                    self._push(process.asleep_until, what)
                else:
                    self._go_on(what)
            else:
                what()
        if self.points < points and until < math.inf:
            world.now = max(world.now, until)

    def end(self, processes: Iterable[Process]) -> None:
        """Nobody of these does anything any more."""
        for process in processes:
            process.alive = False

    def _go_on(self, task: Task) -> None:
        """Run a task until it sleeps, ends, or a fault holds it up."""
        while True:
            if task.decided:
                task.decided = False
            else:
                self.points += 1
                fault = self.choose(task.stage)
                if fault is not None:
                    self.faults[fault.kind] += 1
                    if self.timeline is not None:
                        self._note(task, f"! {fault.kind} {self._at(task)}", fault)
                    if self._handlers[fault.kind](task, fault):
                        return
            if task.stage == ISSUE:
                self._perform(task)
            elif not self._answer(task):
                return

    def _perform(self, task: Task) -> None:
        task.stage = ANSWER
        task.error = None
        what = self._label(task.effect) if self.timeline is not None else ""
        try:
            task.result = task.effect.call()
        except Exception as error:
            task.error = error
        if self.timeline is not None:
            answer = task.error if task.error is not None else task.result
            self._note(task, what, answer)

    def _answer(self, task: Task) -> bool:
        """Give the answer to its caller; False when the task does not want to go on now."""
        error, result = task.error, task.result
        task.error = task.result = None
        try:
            effect = task.steps.throw(error) if error is not None else task.steps.send(result)
        except StopIteration:
            self._log.extend((task.number << 8 | 254, int(self.world.now * 1000)))
            return False
        if isinstance(effect, self._sleep):
            self._log.extend((task.number << 8 | 255, int(self.world.now * 1000)))
            task.decided = True
            if effect.seconds == math.inf:
                self._parked.add(task)
            else:
                self._push(self.world.now + effect.seconds, task)
            return False
        self._log.extend((task.number << 8 | CODES[effect.name], int(self.world.now * 1000)))
        task.effect = effect
        task.stage = ISSUE
        return True

    # -- faults: True when the task does not go on now -------------------------------------------

    def _hold(self, task: Task, until: float) -> bool:
        task.decided = True
        self._push(until, task)
        return True

    def _wait(self, task: Task, fault: Fault) -> bool:
        return self._hold(task, self.world.now + 0.01 * 6000.0**fault.size)

    def _edge(self, task: Task, fault: Fault) -> bool:
        return self._hold(task, self.edge(task.process, fault.size))

    def edge(self, process: Process, size: float) -> float:
        """A time just before or after a deadline, by a process's clock or in truth."""
        now, skew = self.world.now, process.clock.skew
        ahead: list[float] = []
        for deadline in self._deadlines():
            ahead += [at for at in (deadline - skew, deadline) if now < at < now + 1e5]
        if not ahead:
            return float(now + 0.01 * 6000.0**size)
        place = size * len(ahead) * 2
        return max(now, ahead[int(place) // 2] + (0.02 if int(place) % 2 else -0.02))

    def _long(self, task: Task, fault: Fault) -> bool:
        return self._hold(task, self.world.now + 60.0 * 200.0**fault.size)

    def _nap(self, task: Task, fault: Fault) -> bool:
        end = self.world.now + 10.0 * 400.0**fault.size
        task.process.asleep_until = end
        return self._hold(task, end)

    def _crash(self, task: Task, fault: Fault) -> bool:
        doing = self._label(task.effect) if task.effect is not None else "start"
        self.crashes[doing, "after" if task.stage == ANSWER else "before"] += 1
        task.process.alive = False
        task.steps.close()
        self.crashed(task.process, fault.size)
        return True

    def _refuse(self, task: Task, fault: Fault) -> bool:
        self._fail(task, fault, performed=False)
        return False

    def _ghost(self, task: Task, fault: Fault) -> bool:
        call = task.effect.call
        self._fail(task, fault, performed=False)
        if task.effect.name in ("create", "swap", "delete"):
            name = task.effect.name

            def late() -> None:
                if self.timeline is not None:
                    self._note(task, f"{name}, late")
                with suppress(ResourceError, RegistryUnavailable):
                    call()

            when = self.world.now + 1.0 * 7200.0**fault.size
            self.late.append(when)
            self.at(when, late)
        return False

    def _lose(self, task: Task, fault: Fault) -> bool:
        self._fail(task, fault, performed=True)
        return False

    def _fail(self, task: Task, fault: Fault, *, performed: bool) -> None:
        """Tell the caller that its call went wrong, as the port in question tells it."""
        name = task.effect.name
        task.stage = ANSWER
        task.process.told_error = self.world.now
        if name == "call" and performed and task.result is not None:
            task.result.lost = True
        task.result = task.error = None
        if name == "observe":
            task.result = self._unknown
        elif name == "used_outside":
            task.result = (None, math.nan, 1e18)[int(fault.size * 3)]
        elif name == "finish":
            task.result = False
        elif name == "why":
            task.result = ""
        elif name == "swap" and performed and fault.size < 0.5:
            task.result = False  # a client library tried again, and its own write was in the way
        elif name in REGISTRY:
            task.error = RegistryUnavailable("the registry did not answer", step=name)
        else:
            task.error = ResourceError("the platform did not answer", step=name)

    # -- for people ----------------------------------------------------------------------------

    def _at(self, task: Task) -> str:
        if task.effect is None:
            return "at the start"
        where = "after" if task.stage == ANSWER else "before"
        return f"{where} {task.effect.name}"

    def _note(self, task: Task, what: str, value: Any = None) -> None:
        assert self.timeline is not None
        who = f"{task.process.name}/{task.name}"
        self.timeline.append(Event(self.world.now, who, what, value))
