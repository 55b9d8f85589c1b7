"""Unknown counts as in use: inventories whose signals say nothing."""

from __future__ import annotations

from collections.abc import Iterator
from random import SystemRandom

from tests.accept.harness import Line, check
from tests.simulation.inventories import survey


@check("proof-4")
def signals() -> Iterator[Line]:
    """0 deletions in 2,000 random inventories, 0 strangers touched; new ones each time."""
    seed = SystemRandom().randrange(1 << 32)
    found = survey(2000, seed)
    command = f"python -c 'from tests.simulation.inventories import *; print(survey(2000, {seed}))'"
    told = f"{found.deleted} of {found.lives} in {found.inventories} inventories"
    yield Line("deleted on an unsound signal", command, told, "0", found.deleted == 0)
    told = f"{found.touched} of {found.strangers}"
    yield Line("foreign and untagged resources touched", command, told, "0", found.touched == 0)
    told = f"{found.gone} of {found.controls}"
    ok = found.gone == found.controls == 2000
    yield Line("deleted on a sound signal beside them", command, told, "all", ok)
