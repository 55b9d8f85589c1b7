"""Every AWS call, times every kind of trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.aws.fault_table import TROUBLES, table
from tests.aws.flows import quick_account

COMMAND = "python -m tests.aws.fault_table"
BOUND = "typed error or success; then success; nothing left"


@check("aws-3")
def faults() -> Iterator[Line]:
    """One line for each call: what each trouble led to."""
    told: dict[str, list[str]] = {}
    sweeps: Counter[int] = Counter()
    cases = 0
    with quick_account() as (aws, folder):
        for case in table(aws, folder):
            cases += 1
            sweeps[case.sweeps] += 1
            row = told.setdefault(case.action, [])
            row.append(f"{case.what}: {f'WRONG, {case.wrong}' if case.wrong else case.seen}")
            if len(row) == len(TROUBLES):
                text = "; ".join(row)
                yield Line(case.action, COMMAND, text, BOUND, "WRONG" not in text)
    text = ", ".join(f"{n} after {k}" for k, n in sorted(sweeps.items()))
    yield Line("cases", COMMAND, str(cases), ">= 8 x 30", cases >= 240)
    yield Line("sweeps until nothing was left", COMMAND, text, "<= 4", max(sweeps) <= 4)
