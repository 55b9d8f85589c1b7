"""Branch coverage of core and registry, and a mutation run over `core/life.py`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.accept.harness import Line, check
from tests.accept.proof_06_registry_coverage import registry_coverage
from tests.simulation.mutate_life import survey

CORE = Path("llmanager_sdk/core")


@check("proof-6")
def coverage() -> Iterator[Line]:
    """100 % of the branches without exclusions; every survivor with its reason."""
    yield from _core_coverage()
    yield from registry_coverage()
    result = survey()
    command = "python -m tests.simulation.mutate_life"
    told = f"{result.mutants - len(result.survivors)} of {result.mutants} mutants"
    yield Line("noticed changes of core/life.py", command, told, "listed", result.mutants > 150)
    told = f"{len(result.survivors)}, of which {len(result.unexplained)} without a reason"
    yield Line("survivors", command, told, "0 without a reason", not result.unexplained)


def _core_coverage() -> Iterator[Line]:
    command = "coverage run --branch --source=llmanager_sdk/core -m pytest tests/core"
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules"
        rules.write_text("[run]\nbranch = true\n[report]\nexclude_lines =\n")
        shared = [f"--rcfile={rules}", f"--data-file={folder}/data"]
        words = [sys.executable, "-m", "coverage", "run", *shared, f"--source={CORE}"]
        words += ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/core"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        report = Path(folder) / "report.json"
        words = [sys.executable, "-m", "coverage", "json", *shared, "-o", str(report)]
        subprocess.run(words, capture_output=True, check=True)
        found = json.loads(report.read_text())
    last = done.stdout.strip().splitlines()[-1]
    yield Line("core tests", command, last, "all pass", done.returncode == 0)
    totals = found["totals"]
    share = float(totals["percent_covered"])
    told = f"{share:.2f} % ({totals['covered_branches']} of {totals['num_branches']} branches)"
    yield Line("branches of core/", command, told, "100 %", share == 100.0)
    excluded = int(totals["excluded_lines"])
    excluded += sum(len(re.findall(r"pragma: no", p.read_text())) for p in CORE.glob("*.py"))
    yield Line("pragmas and exclusions in core/", command, str(excluded), "0", excluded == 0)
