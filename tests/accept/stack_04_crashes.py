"""A crash before and after every AWS call of deploy, destroy and sweep; ten thousand lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.aws.flows import quick_account
from tests.deploy.crash_table import FLOWS, Case, table
from tests.infra import sweep_crashes
from tests.infra.load import load

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
    yield from _sweeps()
    yield from _many()


def _summed(claim: str, mine: list[Case]) -> Line:
    bad = sum(bool(case.wrong) for case in mine)
    longest = max((case.took for case in mine), default=0.0)
    told = (
        f"{len(mine) - bad} of {len(mine)} crash points, done after {longest:.0f} s of the "
        "account's time at most"
    )
    return Line(f"{claim}: recovered in one rerun", COMMAND, told, "all", bad == 0 < len(mine))


def _sweeps() -> Iterator[Line]:
    command = "python -m tests.infra.sweep_crashes"
    with quick_account() as (aws, folder):
        cases = list(sweep_crashes.table(aws, folder))
    for case in cases:
        if case.wrong:
            claim = f"sweep, {case.when} {case.call}"
            yield Line(claim, command, case.wrong, "the next sweeps mend it", False)
    good = sum(not case.wrong for case in cases)
    told = f"{good} of {len(cases)} crash points"
    yield Line("sweep: what was left was mended", command, told, "all", good == len(cases) > 0)
    counts = Counter(case.sweeps for case in cases)
    told = ", ".join(f"{times} after {n}" for n, times in sorted(counts.items()))
    claim = "sweeps until the cloud had settled"
    yield Line(claim, command, told, "counted, <= 5", max(counts) <= 5)


def _many() -> Iterator[Line]:
    command = "python -m tests.infra.load"
    small, large = load(1_000), load(10_000)
    for what, few, many in (
        ("calls", small.calls, large.calls),
        ("bytes of memory", small.peak, large.peak),
    ):
        ratio = many / few
        told = f"{many:,} for 10,000 lives, {ratio:.1f} x those of 1,000"
        claim = f"{what} of the Lambda's sweep"
        yield Line(claim, command, told, "linear: 10 x, <= 12 x", ratio <= 12)
    limited = load(10_000, limit=260.0)
    told = f"{limited.rounds} rounds, {limited.longest:.0f} s the longest, {limited.left} left"
    ok = limited.rounds > 1 and limited.longest < 290 and not limited.left
    claim = "10,000 lives under the Lambda's time limit"
    yield Line(claim, command, told, "> 1 round, each < 290 s, 0 left", ok)
