"""What importing costs: medians of fresh processes that take turns in one run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.accept.harness import Line, check

COMMAND = "make accept ONLY=local-8"
ROUNDS = 15
_PEER = "import langchain_core.language_models.chat_models"
_CASES = {
    "peer": ["-c", _PEER],
    "import llmanager_sdk": ["-c", "import llmanager_sdk"],
    "the first face": ["-c", "from llmanager_sdk import ManagedLLM"],
    "llmanager --help": ["-m", "llmanager_sdk.cli", "--help"],
    "an empty process": ["-c", ""],
}
_BOUNDS = {"import llmanager_sdk": 0.05, "the first face": 1.1, "llmanager --help": 0.25}


@check("local-8")
def imports() -> Iterator[Line]:
    """Each against the import of langchain-core's chat models, start of Python left out."""
    times: dict[str, list[float]] = {name: [] for name in _CASES}
    for _ in range(ROUNDS):
        for name, words in _CASES.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *words], check=True, capture_output=True)
            times[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(found) for name, found in times.items()}
    empty = middle["an empty process"]
    peer = middle["peer"] - empty
    for name, bound in _BOUNDS.items():
        ratio = (middle[name] - empty) / peer
        yield Line(
            f"{name} : langchain-core's chat models",
            COMMAND,
            f"{(middle[name] - empty) * 1e3:.0f} ms : {peer * 1e3:.0f} ms = {ratio:.3f}",
            f"<= {bound}",
            ratio <= bound,
        )
