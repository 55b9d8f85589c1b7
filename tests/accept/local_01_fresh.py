"""From nothing: `make demo`, `make test` and plain pip, each alone on a machine of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

from llmanager_sdk.cli.demo import FOLLOW_UP, QUESTIONS, UNANSWERABLE
from tests.accept.fresh import Machine, Told, machine
from tests.accept.harness import Line, check

COMMAND = "make accept ONLY=local-1"
SET_UP_S = 180.0
DEMO_S, TEST_S, PIP_S = 900.0, 3600.0, 900.0
_ANSWER = re.compile(r"^  Q: (?P<question>.*)\n  A: (?P<answer>(?:.*\n)*?)(?=\n== |\Z)", re.M)
_ERROR_LINES = 4


@check("local-1")
def fresh() -> Iterator[Line]:
    """Three empty machines."""
    version = ".".join(map(str, sys.version_info[:2]))
    yield Line("the Python of the empty machines", COMMAND, version, "3.11", version == "3.11")
    with machine() as here:
        yield from _demo(here)
    with machine() as here:
        yield from _pip(here)
    with machine() as here:
        yield from _tests(here)


def _demo(here: Machine) -> Iterator[Line]:
    told = here.run(["make", "demo"], DEMO_S)
    yield _ended("make demo, alone on an empty machine", told)
    ready = told.when("== A question")
    yield Line(
        "set-up: from the command to the first question",
        COMMAND,
        f"{ready:.0f} s",
        f"< {SET_UP_S:.0f} s",
        ready < SET_UP_S,
    )
    answers = {m["question"]: m["answer"] for m in _ANSWER.finditer(told.text + "\n")}
    for question, pattern in (*QUESTIONS, FOLLOW_UP):
        yield _answered(question, pattern, answers.get(question, ""))
    refusal = answers.get(UNANSWERABLE, "")
    refused = "is asked for" in refusal and "sources:" not in refusal
    yield Line(f"{UNANSWERABLE}", COMMAND, _first(refusal), "refused", refused)
    left = [process.pid for process in here.processes()]
    yield Line("processes left after the demo", COMMAND, str(len(left)), "0", not left)
    again = subprocess.run(
        ["make", "--question", ".venv/.stamps/run"], cwd=here.repo, env=here.env, check=False
    )
    yield Line(
        "a second set-up has nothing to do (make --question)",
        COMMAND,
        f"exit {again.returncode}",
        "exit 0",
        again.returncode == 0,
    )
    yield _compiled(here, "make demo")


def _pip(here: Machine) -> Iterator[Line]:
    python = here.folder / "plain" / "bin" / "python"
    here.run([sys.executable, "-m", "venv", python.parent.parent], PIP_S)
    told = here.run([python, "-m", "pip", "install", ".[local]"], PIP_S)
    yield _ended("plain `pip install .[local]`", told)
    built = re.findall(r"Building wheel for (\S+)", told.text)
    yield Line(
        "what plain pip builds from source",
        COMMAND,
        ", ".join(sorted(set(built))) or "nothing",
        "llmanager-sdk only",
        set(built) == {"llmanager-sdk"},
    )
    asked = here.run([python.parent / "llmanager", "chat", "--json", "What is the sea?"], PIP_S)
    answer = re.search(r'"answer": "(.+)"', asked.text)
    yield Line(
        "the first `llmanager chat` of that installation",
        COMMAND,
        _first(answer[1]) if answer else _last(asked),
        "an answer",
        bool(answer) and asked.code == 0,
    )
    here.run([python.parent / "llmanager", "stop", "--all"], PIP_S)
    yield _compiled(here, "pip")


def _tests(here: Machine) -> Iterator[Line]:
    told = here.run(["make", "test"], TEST_S)
    yield _ended("make test, alone on an empty machine", told)
    closing = next((x for _, x in reversed(told.lines) if re.search(r"\d+ passed", x)), "none")
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", closing)}
    bad = sum(counts.get(word, 0) for word in ("failed", "error", "errors", "xfailed", "xpassed"))
    yield Line(
        "its closing line",
        COMMAND,
        closing.strip("= "),
        "some passed; 0 failed, errors, xfailed",
        counts.get("passed", 0) > 0 and bad == 0,
    )
    yield _compiled(here, "make test")


def _ended(claim: str, told: Told) -> Line:
    good = told.code == 0
    shown = f"exit {told.code}, {told.seconds:.0f} s"
    return Line(claim, COMMAND, shown if good else f"{shown}: {_last(told)}", "exit 0", good)


def _answered(question: str, pattern: str, answer: str) -> Line:
    said = answer.partition("     nearest:")[0]
    shown = "nearest: " in answer and "sources: " in answer
    return Line(
        question,
        COMMAND,
        f"{_first(said)}{'' if shown else ' (without source or nearest sentence)'}",
        f"/{pattern}/, its sources and the nearest sentence",
        bool(re.search(pattern, said, re.I)) and shown,
    )


def _compiled(here: Machine, what: str) -> Line:
    calls, asked = here.compiled()
    shown = f"{len(calls)}{': ' + calls[0] if calls else ''} ({asked} x only --version)"
    return Line(f"calls of a compiler by {what}", COMMAND, shown, "0", not calls)


def _first(text: str) -> str:
    return " ".join(text.split())[:120] or "nothing"


def _last(told: Told) -> str:
    return " / ".join(line.strip() for _, line in told.lines[-_ERROR_LINES:])[:400] or "nothing"
