"""A crash before and after every AWS call of create, replace and stop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.aws.crash_table import FLOWS, Case, table
from tests.aws.flows import quick_account

COMMAND = "python -m tests.aws.crash_table"


@check("aws-4")
def crashes() -> Iterator[Line]:
    """Recovery in one rerun, no second row, no orphan after the sweeps."""
    cases: list[Case] = []
    with quick_account() as (aws, folder):
        for case in table(aws, folder):
            cases.append(case)
            if case.wrong:
                claim = f"{case.flow}, {case.when} {case.call}"
                yield Line(claim, COMMAND, case.wrong, "recovers in one rerun", False)
    for flow in FLOWS:
        mine = [case for case in cases if case.flow == flow]
        bad = sum(bool(case.wrong) for case in mine)
        told = f"{len(mine) - bad} of {len(mine)} crash points"
        yield Line(f"{flow}: recovered in one rerun", COMMAND, told, "all", bad == 0 < len(mine))
    sweeps = Counter(case.sweeps for case in cases)
    text = ", ".join(f"{n} after {k}" for k, n in sorted(sweeps.items()))
    yield Line("sweeps until nothing was left", COMMAND, text, "<= 4", max(sweeps) <= 4)
