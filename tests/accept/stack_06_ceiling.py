"""No schedule spends more than the ceiling that was printed when everything crashed."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.simulation.ceiling import MUTANTS, survey

SCHEDULES = 3000


@check("stack-6")
def ceilings() -> Iterator[Line]:
    """Thousands of crashes with prices, and ceilings that forget something."""
    command = f"python -m tests.simulation ceiling --seeds {SCHEDULES}"
    found = survey(range(SCHEDULES))
    told = f"{len(found.over)} of {found.schedules} schedules, {found.paid} of which spent"
    ok = not found.over and found.paid > SCHEDULES / 2
    yield Line("spent more than the ceiling at the crash", command, told, "0", ok)
    share, seed = found.tightest
    told = f"{share:.3f} of the ceiling, seed {seed}"
    yield Line("the tightest", command, told, "0.5 to 1", 0.5 < share <= 1)
    caught = ", ".join(f"{name} at {seed}" for name, seed in found.found.items())
    ok = set(found.found) == {each.name for each in MUTANTS}
    told = f"{len(found.found)} of {len(MUTANTS)}: {caught}"
    yield Line("ceilings that forget a term, found at seed", command, told, "all", ok)
