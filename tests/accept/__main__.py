"""Runs the checks and prints a row for each figure; exits with 1 if one misses its bound.

python -m tests.accept [local-5,proof-1]
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import time
import traceback
from dataclasses import asdict
from pathlib import Path

import tests.accept
from tests.accept.harness import CHECKS, Line

PROMISED = [
    *(f"local-{n}" for n in range(1, 11)),
    *(f"proof-{n}" for n in range(1, 7)),
    *(f"aws-{n}" for n in range(1, 8)),
    *(f"stack-{n}" for n in range(1, 8)),
]
"""Every promise so far; one without a check is a miss."""
RESULTS = Path(__file__).resolve().parent.parent.parent / ".cache" / "accept.json"


def main(words: list[str]) -> int:
    """Run all checks, or those that are named."""
    for module in pkgutil.iter_modules(tests.accept.__path__):
        if module.name.startswith(("local_", "proof_", "aws_", "stack_")):
            importlib.import_module(f"tests.accept.{module.name}")
    wanted = [name for word in words for name in word.split(",") if name]
    names = [name for name in PROMISED if not wanted or name in wanted]
    results: dict[str, list[Line]] = {}
    for name in names:
        began = time.monotonic()
        results[name] = list(_run(name))
        print(f"          ({name} took {time.monotonic() - began:.0f} s)", flush=True)
    lines = [(name, line) for name, found in results.items() for line in found]
    missed = [(name, line) for name, line in lines if not line.ok]
    print(f"\n{len(lines) - len(missed)} figures hold, {len(missed)} miss")
    for name, line in missed:
        print(f"  MISS {name}: {line.claim}: {line.measured} (bound: {line.bound})")
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([{"check": n} | asdict(x) for n, x in lines], indent=1))
    return 1 if missed else 0


def _run(name: str) -> list[Line]:
    found: list[Line] = []
    check = CHECKS.get(name)
    command = f"make accept ONLY={name}"
    if check is None:
        found.append(Line("this promise has no check yet", command, "nothing", "a figure", False))
    else:
        try:
            for line in check():
                _print(name, line)
                found.append(line)
            return found
        except Exception as error:
            traceback.print_exc()
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            found.append(Line("the check itself", command, text, "runs to its end", False))
    _print(name, found[-1])
    return found


def _print(name: str, line: Line) -> None:
    verdict = "OK  " if line.ok else "MISS"
    print(f"{verdict} {name:9} {line.claim} | {line.measured} | {line.bound} | {line.command}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
