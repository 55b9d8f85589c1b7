"""Runs benchmarks: `python -m benchmarks [chat vectors] [--json]`. Slow, and alone on a machine."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from dataclasses import asdict

import benchmarks

NAMES = [
    module.name.removeprefix("bench_")
    for module in pkgutil.iter_modules(benchmarks.__path__)
    if module.name.startswith("bench_")
]


def main(words: list[str]) -> int:
    """Run those that are named, or all."""
    wanted = [word for word in words if not word.startswith("-")] or NAMES
    rows = []
    for name in wanted:
        for row in importlib.import_module(f"benchmarks.bench_{name}").rows():
            rows.append(row)
            if "--json" not in words:
                print(row, flush=True)
    if "--json" in words:
        print(json.dumps([asdict(row) | {"ratio": row.ratio, "ok": row.ok} for row in rows]))
    return 0 if all(row.ok for row in rows) else 1


sys.exit(main(sys.argv[1:]))
