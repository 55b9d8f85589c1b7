"""Long runs of many seeds, kept as a result file that anybody can check by replaying some of it.

A result is two files: NAME.json (digest of the code, seeds, counts, coverage) and NAME.hashes, the
low 16 bits of each seed's trace hash, little-endian, in the order of the seeds.
"""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import sys
import time
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.simulation import Outcome, simulate

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results"
FORMS = (
    "actors",
    "cast",
    "clock",
    "cloud",
    "code",
    "faults",
    "finale",
    "invariants",
    "registry",
    "scheduler",
    "simulation",
    "stage",
    "tasks",
)
"""The modules of `llmanager_sdk.testing` that decide what happens in a run."""
CHUNK = 5_000


def digest() -> str:
    """A sha256 of the code that a run depends on, blind to comments, docstrings and layout."""
    package = ROOT / "llmanager_sdk"
    files = sorted((package / "core").glob("*.py"))
    files += [package / "testing" / f"{name}.py" for name in FORMS]
    sums = hashlib.sha256()
    for path in files:
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and _is_text(body[0]):
                del body[0]
        sums.update(f"{path.name}\n{ast.dump(tree)}\n".encode())
    return sums.hexdigest()


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class Tally:
    """What many runs showed, added up."""

    def __init__(self) -> None:
        self.hashes = array("H")
        self.counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("sums", "moves", "crashes", "faults", "errors")
        }
        self.violations: list[tuple[int, str]] = []

    def add(self, outcome: Outcome) -> None:
        """Count one run."""
        self.hashes.append(outcome.trace & 0xFFFF)
        counts = self.counts
        counts["sums"].update(points=outcome.points, calls=outcome.calls)
        counts["faults"].update(outcome.faults)
        counts["errors"].update(outcome.errors)
        for (old, new, how), times in outcome.moves.items():
            counts["moves"][f"{old or 'nothing'} -> {new or 'nothing'} {how}".strip()] += times
        for (doing, side), times in outcome.crashes.items():
            counts["crashes"][f"{doing} | {side}"] += times
        if outcome.violation is not None:
            self.violations.append((outcome.seed, str(outcome.violation)))

    def body(self) -> dict[str, Any]:
        """The counts, as JSON holds them."""
        named = {name: dict(sorted(each.items())) for name, each in self.counts.items()}
        return {**named, "violations": self.violations}

    def load(self, body: dict[str, Any], hashes: bytes) -> None:
        """Go on from what was saved."""
        for name, each in self.counts.items():
            each.update(body[name])
        self.violations = [(seed, text) for seed, text in body["violations"]]
        self.hashes.frombytes(hashes)


def long_run(name: str, seeds: int) -> Tally:
    """Run the seeds 0 to `seeds`, saving as it goes, from where a former run stopped."""
    head, tail = RESULTS / f"{name}.json", RESULTS / f"{name}.hashes"
    code, mark, tally, spent = Code(), digest(), Tally(), 0.0
    if head.exists():
        body = json.loads(head.read_text())
        if body["digest"] == mark:
            tally.load(body, tail.read_bytes()[: 2 * body["seeds"]])
            spent = body["seconds"]
    RESULTS.mkdir(exist_ok=True)
    while (done := len(tally.hashes)) < seeds:
        began = time.process_time()
        for seed in range(done, min(done + CHUNK, seeds)):
            tally.add(simulate(seed, code))
        spent += time.process_time() - began
        body = {
            "digest": mark,
            "seeds": len(tally.hashes),
            "first_seed": 0,
            "python": platform.python_version(),
            "seconds": round(spent, 1),
            "sha256_of_hashes": hashlib.sha256(_bytes(tally.hashes)).hexdigest(),
            **tally.body(),
        }
        tail.write_bytes(_bytes(tally.hashes))
        head.write_text(json.dumps(body, indent=1) + "\n")
        print(f"{len(tally.hashes)} seeds, {len(tally.violations)} violations", flush=True)
    return tally


def _bytes(hashes: array[int]) -> bytes:
    if sys.byteorder == "big":
        hashes = array("H", hashes)
        hashes.byteswap()
    return hashes.tobytes()
