"""Thirty days of fifty resources, and ten thousand lives in one sweep."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.simulation.month import Load, load, month


@check("proof-5")
def long_term() -> Iterator[Line]:
    """What idles goes in time; sweeps grow linearly and survive their own time limit."""
    command = "python -c 'from tests.simulation.month import *; print(month())'"
    found = month()
    told = f"{found.late:.1f} s over, the latest of {found.lives} lives"
    bound = "idle + margin + one sweep"
    yield Line("an idle resource stops costing within", command, told, bound, found.late <= 0)
    sweeps = found.sweeps_to_gone
    yield Line("sweeps until its slot says gone", command, str(sweeps), "<= 3", sweeps <= 3)
    yield Line("left at the end", command, str(found.left), "0", found.left == 0)

    command = "python -c 'from tests.simulation.month import *; print(load(10000, limit=600))'"
    small, large = load(1_000), load(10_000)
    yield _linear("calls", command, small.effects, large.effects)
    yield _linear("memory", command, small.peak, large.peak)
    limited = load(10_000, limit=600.0)
    told = f"{limited.rounds} rounds of 600 s, {limited.left} left"
    ok = limited.rounds > 1 and _done(limited) and _done(large)
    yield Line("10,000 lives under a time limit", command, told, "> 1 round, 0 left", ok)
    extra = limited.effects / large.effects
    yield Line(
        "calls of all rounds", command, f"{extra:.3f} x one sweep's", "<= 1.1 x", extra <= 1.1
    )


def _linear(what: str, command: str, small: int, large: int) -> Line:
    """Ten times the lives may take ten times as much, and a fifth for what a dictionary jumps."""
    ratio = large / small
    told = f"{large:,} for 10,000 lives, {ratio:.1f} x that of 1,000"
    return Line(f"{what} of a sweep", command, told, "linear: 10 x, <= 12 x", ratio <= 12)


def _done(found: Load) -> bool:
    return found.left == 0
