"""A crash before and after every AWS call of deploy and destroy."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.aws.flows import quick_account
from tests.deploy.crash_table import FLOWS, Case, table

COMMAND = "python -m tests.deploy.crash_table"
DESTROYS = ("destroy", "keep")


@check("stack-4")
def crashes() -> Iterator[Line]:
    """Recovery in one rerun; what was asked for is there, and nothing else."""
    cases: list[Case] = []
    with quick_account() as (aws, folder):
        for case in table(aws, folder):
            cases.append(case)
            if case.wrong:
                claim = f"{case.flow}, {case.when} {case.call}"
                yield Line(claim, COMMAND, case.wrong, "recovers in one rerun", False)
    deploys = tuple(flow for flow in FLOWS if flow not in DESTROYS)
    for claim, flows in (("deploy, diff", deploys), ("destroy", DESTROYS)):
        yield _summed(claim, [case for case in cases if case.flow in flows])


def _summed(claim: str, mine: list[Case]) -> Line:
    bad = sum(bool(case.wrong) for case in mine)
    longest = max((case.took for case in mine), default=0.0)
    told = (
        f"{len(mine) - bad} of {len(mine)} crash points, done after {longest:.0f} s of the "
        "account's time at most"
    )
    return Line(f"{claim}: recovered in one rerun", COMMAND, told, "all", bad == 0 < len(mine))
