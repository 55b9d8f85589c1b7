"""Branch coverage of the registries by their own tests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.accept.harness import Line


def registry_coverage() -> Iterator[Line]:
    """100 % of the branches of `registry/`, without pragmas or exclusions."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/data"
        words = [sys.executable, "-m", "coverage", "run", "--branch", data]
        words += ["--source=llmanager_sdk/registry", "-m", "pytest", "-q"]
        done = subprocess.run(
            [*words, "tests/registry"], capture_output=True, text=True, check=False
        )
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "coverage", "json", data, "-o", str(report)]
        subprocess.run(command, capture_output=True, check=True)
        totals = json.loads(report.read_text())["totals"]
    last = done.stdout.strip().splitlines()[-1]
    share = float(totals["percent_covered"])
    command_line = "make accept ONLY=proof-6"
    yield Line("registry tests", command_line, last, "all pass", done.returncode == 0)
    yield Line("branches of registry/", command_line, f"{share:.1f} %", "100 %", share == 100.0)
    sources = Path("llmanager_sdk/registry").glob("*.py")
    pragmas = sum(len(re.findall(r"pragma: no", path.read_text())) for path in sources)
    yield Line("pragmas in registry/", command_line, str(pragmas), "0", pragmas == 0)
