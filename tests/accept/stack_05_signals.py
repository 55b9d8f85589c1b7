"""Signals that say nothing delete nothing; what belongs to others is not touched; off means off."""

from __future__ import annotations

from collections.abc import Iterator
from random import SystemRandom

from tests.accept.harness import Line, check
from tests.infra.inventories import survey

INVENTORIES = 2_000


@check("stack-5")
def signals() -> Iterator[Line]:
    """By the function that the Lambda calls; another seed at each run."""
    seed = SystemRandom().randrange(1 << 30)
    found = survey(INVENTORIES, seed)
    command = f"python -m tests.infra.inventories {INVENTORIES}"
    told = f"{found.deleted} of {found.lives:,} in {found.inventories:,} inventories (seed {seed})"
    yield Line("lives with unsound signals deleted", command, told, "0", found.deleted == 0)
    told = f"{found.gone:,} of {found.inventories:,}"
    ok = found.gone == found.inventories
    yield Line("lives with sound signals that went", command, told, "all", ok)
    told = f"{found.touched} of {found.strangers:,} foreign, untagged, of other namespaces, rowless"
    yield Line("resources of others touched", command, told, "0", found.touched == 0)
    told = f"{found.disobeyed} of {found.switched} with the switch off"
    ok = found.disobeyed == 0 < found.switched
    claim = "sweeps after the kill switch that deleted or gave a word"
    yield Line(claim, command, told, "0", ok)
