"""What an import costs, against langchain-core's chat models: fresh processes that take turns.

Imports are timed inside the new process; the command is timed from outside, Python's start and
end included. Medians of one run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.harness import Row

PEER = "langchain_core.language_models.chat_models"
GOALS = {
    "import llmanager_sdk": 0.05,
    "from llmanager_sdk import ManagedLLM": 1.1,
    "llmanager --help": 0.25,
}
ROUNDS = 15
LIMIT_S = 120.0


def rows() -> Iterator[Row]:
    """The package, its first face, the command."""
    jobs: dict[str, Callable[[], float]] = {
        name: partial(_imported, name) for name in (f"import {PEER}", *GOALS)
    }
    jobs["llmanager --help"] = _helped
    for job in jobs.values():  # writes bytecode and fills the file cache
        job()
    found: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            found[name].append(job())
    theirs = statistics.median(found[f"import {PEER}"]) * 1e3
    for name, goal in GOALS.items():
        yield Row(name, statistics.median(found[name]) * 1e3, theirs, f"import {PEER}", "ms", goal)


def _imported(statement: str) -> float:
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=LIMIT_S
    )
    return float(done.stdout)


def _helped() -> float:
    began = time.perf_counter()
    command = [Path(sys.executable).parent / "llmanager", "--help"]
    subprocess.run(command, capture_output=True, check=True, timeout=LIMIT_S)
    return time.perf_counter() - began
