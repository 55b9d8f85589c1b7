"""Runs a case and says what it raised, in this process or in a mount namespace.

`python -m tests.environments.run NAME HOME` prints the error's class tree and text as JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from llmanager_sdk.errors import LLManagerError
from tests.environments.cases import CASES, Case

SETUPS = {
    "full": 'mount -t tmpfs -o size=6m none "$1"',
    "read-only": 'mkdir -p "$1" && mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"',
}


@dataclass(frozen=True)
class Seen:
    """What a case raised: the names of its classes, its text and its hint."""

    classes: list[str]
    text: str
    hint: str


def possible() -> bool:
    """Whether this process may make a mount namespace."""
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0
    )


def run(case: Case, home: Path) -> Seen:
    """What the case raises in that home."""
    if not case.mount:
        return here(case, home)
    script = f'{SETUPS[case.mount]} && exec "$2" -m tests.environments.run "$3" "$1"'
    words = ["unshare", "-m", "sh", "-c", script, "sh", str(home), sys.executable, case.name]
    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LLMANAGER_HOME": str(home)},
    )
    if done.returncode:
        return Seen([], done.stderr[-500:], "")
    return Seen(**json.loads(done.stdout.splitlines()[-1]))


def here(case: Case, home: Path) -> Seen:
    """What the case raises in this process."""
    try:
        result = case.action(home)
    except LLManagerError as error:
        return Seen([x.__name__ for x in type(error).__mro__], str(error), error.hint)
    except Exception as error:
        return Seen([type(error).__name__], str(error), "")
    return Seen([], f"nothing was raised: {result!r}"[:200], "")


def good(case: Case, seen: Seen) -> bool:
    """The right class, the right words, and a cure."""
    named = case.error.__name__ in seen.classes
    return named and case.words.lower() in seen.text.lower() and bool(seen.hint)


if __name__ == "__main__":
    chosen = next(case for case in CASES if case.name == sys.argv[1])
    found = here(chosen, Path(sys.argv[2]))
    print(json.dumps(found.__dict__))
