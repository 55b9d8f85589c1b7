"""The core under a hostile scheduler, now and in a long run that is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.simulation.hunt import SEEDS, compare, play

KEPT = "million"
BUDGET = 90.0
"""What the default run may take of `make test`, in seconds on one core."""


@check("proof-1")
def simulation() -> Iterator[Line]:
    """0 violations in the default run; the kept run is of this code and replays."""
    began = time.process_time()
    tally = play(range(SEEDS))
    spent = time.process_time() - began
    broken = len(tally.violations)
    command = "make simulate"
    yield Line("violations in the default run", command, f"{broken} in {SEEDS}", "0", broken == 0)
    bound = f"{BUDGET:.0f} s of make test"
    yield Line("its time on one core", command, f"{spent:.0f} s", bound, spent <= BUDGET)

    result = compare(KEPT, 2000)
    command = f"python -m tests.simulation compare {KEPT}"
    held = f"{result.violations} in {result.seeds:,}"
    ok = result.violations == 0 and result.seeds >= 1_000_000
    yield Line("violations in the kept run", command, held, "0 in 1,000,000", ok)
    same = "the same" if result.same_code else "another one"
    yield Line("digest of its code", command, same, "the same", result.same_code)
    differ = f"{len(result.different)} of {result.replayed} differ"
    ok = not result.different and result.replayed == 2000
    yield Line("traces of random seeds of it", command, differ, "0 of 2000 differ", ok)
