"""Planted faults: each is found by seeds, and some without luck."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.simulation.hunt import WITHIN, explored, hunt
from tests.simulation.mutants import MUTANTS


@check("proof-2")
def mutants() -> Iterator[Line]:
    """Every mutant within 6,000 seeds; at least 5 by the explorer."""
    named = len(MUTANTS)
    yield Line("planted faults", "make mutants", str(named), ">= 16", named >= 16)
    found = 0
    for mutant in MUTANTS:
        catch = hunt(mutant, WITHIN)
        plain = explored(mutant)
        found += plain.violation is not None
        where = f"; explorer: {plain.case}, run {plain.runs}" if plain.violation else ""
        told = f"seed {catch.seed}: {catch.violation.name}{where}" if catch else "not found"
        command = f"python -m tests.simulation mutants {mutant.name}"
        yield Line(mutant.name, command, told, f"within {WITHIN} seeds", catch is not None)
    command = "python -m tests.simulation explore --mutant NAME"
    yield Line("found by the explorer", command, f"{found} of {named}", ">= 5", found >= 5)
