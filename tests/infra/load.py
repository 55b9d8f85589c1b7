"""Ten thousand lives swept by the function that the Lambda calls: calls, memory, time limit."""

from __future__ import annotations

import contextlib
import io
import tracemalloc
from typing import NamedTuple

from llmanager_sdk.aws.reaper import sweep_and_tell
from llmanager_sdk.core.life import Life, Spec
from tests.infra.tiny import Tiny

HOUR = 3600.0


class Load(NamedTuple):
    """What it took until every life was gone.

    Attributes:
        peak: bytes of memory that the reaper took at most, the account's own not counted.
        rounds: sweeps, each within its time.
        longest: seconds of the longest one, on the account's clock.
        left: lives that are not gone.
    """

    lives: int
    calls: int
    peak: int
    rounds: int
    longest: float
    left: int


def load(lives: int, *, limit: float = 1e9, step: float = 0.02) -> Load:
    """Sweep so many lives that nobody wants, each call taking `step` seconds."""
    tiny = Tiny()
    for number in range(lives):
        name = f"llm-main-k{number:06}-1-aa"
        names = dict.fromkeys(("model", "config", "endpoint"), name)
        spec = Spec("endpoint", f"k{number:06}", {}, "d")
        used, ready = tiny.now - HOUR, tiny.now - 5 * HOUR
        tiny.put(Life(1, spec, names, "ready", used_until=used, ready_at=ready, price=1.0))
    tiny.calls, tiny.step = 0, step
    rounds, longest, peak, more = 0, 0.0, 0, True
    tracemalloc.start()
    while more and rounds < 10_000:
        began, log = tiny.now, io.StringIO()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with contextlib.redirect_stdout(log):
            sweep_and_tell(tiny.client, {"LLMANAGER_NAMESPACE": "main"}, began + limit, tiny)
        peak = max(peak, tracemalloc.get_traced_memory()[1] - before)
        rounds, longest = rounds + 1, max(longest, tiny.now - began)
        more = "out of time" in log.getvalue()
    tracemalloc.stop()
    left = sum(phase != "gone" for phase in tiny.phases().values())
    return Load(lives, tiny.calls, peak, rounds, longest, left)


if __name__ == "__main__":
    print(load(1_000), load(10_000), load(10_000, limit=260.0), sep="\n")
