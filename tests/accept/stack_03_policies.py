"""The policies: what the tests ask for, as whom, is what the policies grant, and hardly less."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from llmanager_sdk.deploy.templates import template
from llmanager_sdk.testing.aws.recorder import FOLDER, Call, read
from tests.accept.harness import Line, check
from tests.infra.evaluator import ROLES, beyond, judge, statements
from tests.infra.test_policies import BEYOND, MORE

SUITES = ("aws", "cli", "deploy", "doctor", "infra", "notebooks")
"""All that have an account."""
COMMAND = "make accept ONLY=stack-3"
NOBODY = ("sagemaker",)
"""Roles that only services of AWS take on."""


@check("stack-3")
def policies() -> Iterator[Line]:
    """Every call of the tests is noted with its caller, and held against the policies."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup"]
        words += [f"tests/{each}" for each in SUITES]
        environ = os.environ | {FOLDER: folder}
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
        calls = read(Path(folder))
    summary = (done.stdout.strip().splitlines() or [done.stderr[-200:]])[-1].strip("= ")
    claim = "the tests whose calls are noted"
    yield Line(claim, " ".join(words[1:]), summary, "all pass", done.returncode == 0)
    yield from judged(calls)


def judged(calls: set[Call]) -> Iterator[Line]:
    """One line for each role, and one for what nobody asked for."""
    held = statements(template())
    for role, verdict in judge(held, calls, MORE).items():
        asked = sum(map(len, verdict))
        wrong = sorted(f"{call.action} on {call.resource}" for call in verdict.denied)
        told = f"{asked} different calls, {len(verdict.allowed)} allowed, "
        told += f"{len(verdict.own)} in the list of what takes more, {len(wrong)} not allowed"
        yield Line(
            f"calls as {role} ({', '.join(ROLES[role])})",
            COMMAND,
            told + (f": {'; '.join(wrong)[:300]}" if wrong else ""),
            "0 not allowed" if role in NOBODY else "> 0 calls, 0 not allowed",
            not wrong and (asked > 0 or role in NOBODY),
        )
    owner = sum(call.role not in ROLES for call in calls)
    claim = "calls of the account's owner (deploy, destroy, what tests set up)"
    yield Line(claim, COMMAND, f"{owner} different calls", "not judged", True)
    found = beyond(held, calls)
    strange = sorted(map(str, found.keys() - BEYOND.keys()))
    told = f"{len(found)} of {sum(len(each.actions) for each in held)} actions as written, "
    told += f"{len(found) - len(strange)} with a reason in tests/infra/test_policies.py"
    yield Line(
        "granted, and never or not all of it asked for",
        COMMAND,
        told + (f"; without: {', '.join(strange)[:300]}" if strange else ""),
        "all in the list of reasons",
        not strange,
    )
