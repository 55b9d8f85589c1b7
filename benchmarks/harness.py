"""One row of a benchmark: ours, the peer's, the ratio, the goal; all from one run."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """What was measured.

    Attributes:
        ours, theirs: in `unit`; `theirs` is None where a bound stands alone.
        goal: the most that `ratio` may be, or, without a peer, that `ours` may be.
    """

    name: str
    ours: float
    theirs: float | None
    peer: str
    unit: str
    goal: float

    @property
    def ratio(self) -> float:
        """Ours to theirs; ours alone where there is no peer."""
        return self.ours if self.theirs is None else self.ours / self.theirs

    @property
    def ok(self) -> bool:
        """Whether the goal is met."""
        return self.ratio <= self.goal

    def __str__(self) -> str:
        theirs = "" if self.theirs is None else f", {self.peer} {self.theirs:.3g} {self.unit}"
        return (
            f"{self.name}: ours {self.ours:.3g} {self.unit}{theirs}, ratio {self.ratio:.3f}, "
            f"goal <= {self.goal:g} {'ok' if self.ok else 'MISSED'}"
        )


def cpu_rounds(jobs: Sequence[Callable[[], object]], rounds: int, repeat: int) -> list[float]:
    """CPU seconds of one call of each job: the least over rounds in which they take turns.

    What a neighbour on the machine adds is never negative, so the least is the truest figure.
    """
    found: list[list[float]] = [[] for _ in jobs]
    for _ in range(rounds):
        for times, job in zip(found, jobs, strict=True):
            began = time.process_time()
            for _ in range(repeat):
                job()
            times.append((time.process_time() - began) / repeat)
    return [min(times) for times in found]


def crowd_seconds(llm: Any, calls: int = 200, rounds: int = 3) -> float:
    """Wall seconds of so many calls at once that take a second each: the median of rounds."""

    async def crowd() -> float:
        await llm.ainvoke("hello")
        gc.collect()  # what was done before is not what is measured
        began = time.perf_counter()
        await asyncio.gather(*(llm.ainvoke("sleep 1") for _ in range(calls)))
        return time.perf_counter() - began

    return statistics.median(asyncio.run(crowd()) for _ in range(rounds))
