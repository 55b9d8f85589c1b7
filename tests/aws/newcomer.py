"""The README's way from nothing to a first answer on AWS, and back, in an emulated account.

    python -m tests.aws.newcomer            # writes docs/transcript.md
    python -m tests.aws.newcomer --print    # only prints what it would write

The commands and the program are those of the README, in its order, in an empty folder. The head of
the transcript is kept as it is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.aws.launch import Inside, inside
from tests.servers import dynamodb

ROOT = Path(__file__).resolve().parent.parent.parent
TRANSCRIPT = ROOT / "docs" / "transcript.md"
SECTION = "## On AWS"
PROGRAM = "first.py"
NOT_RUN = "pip "
"""The checkout is installed already."""
LIMIT_S = 600.0
NAMES = [
    (r"\b(llm-main-\w+-\d+)-\w+", r"\1-XXXXXX"),
    (r"(-(?:Role|Policy|[A-Z]\w+(?:Role|Policy)))-[0-9A-F]{6,}", r"\1-XXXXXXXXXXXXX"),
    (r"\b\d\d:\d\d:\d\d\b", "hh:mm:ss"),
]
FIGURES = [
    (r"\b[\d.]+ (?:s|min|h|d)\b(?! +(?:the |\d+ sweeps|its deletion))", "N min"),
    (r"\b\d+\.\d\d \$(?!/| a month)", "N $"),
    (r"(?<=  )(?:now|N min ago)(?=  )", "N min ago"),
]
"""Only in what is told about running resources."""
RUNNING = ("python ", "llmanager ls", "llmanager ceiling", "llmanager doctor", "llmanager stop")


@dataclass(frozen=True)
class Step:
    """One command, as the README has it, and what it printed."""

    command: str
    code: int
    output: str


def section() -> str:
    """The README's words about AWS."""
    _, _, text = (ROOT / "README.md").read_text().partition(f"\n{SECTION}\n")
    return text.partition("\n## ")[0]


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def commands(text: str) -> list[str]:
    """What a reader types, in order."""
    typed = "".join(blocks(text, "console")).splitlines()
    return [line for line in typed if not line.startswith(NOT_RUN)]


def play(account: Inside) -> Iterator[Step]:
    """Do what the README says."""
    text = section()
    [program] = blocks(text, "python")
    folder = account.folder / "empty"
    folder.mkdir()
    for command in commands(text):
        if PROGRAM in command:
            (folder / PROGRAM).write_text(program)
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=dict(account.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        yield Step(command, done.returncode, done.stdout)


def transcript(steps: list[Step]) -> str:
    """The file: nothing in it differs from run to run."""
    told = [f"$ {step.command}\n{normal(step)}" for step in steps]
    body = "\n".join(each.rstrip() + "\n" for each in told)
    head = TRANSCRIPT.read_text().partition("\n```console\n")[0]
    return f"{head}\n```console\n{body}```\n"


def normal(step: Step) -> str:
    """What a command printed, without what differs from run to run."""
    text = step.output
    patterns = NAMES + (FIGURES if step.command.startswith(RUNNING) else [])
    for pattern, instead in patterns:
        text = re.sub(pattern, instead, text)
    return "\n".join(aligned(text.splitlines())) + "\n"


def aligned(lines: list[str]) -> Iterator[str]:
    """A table of `llmanager ls`, with columns as wide as they are now."""
    rows = [re.split(r"  +", line) for line in lines]
    head = next((i for i, row in enumerate(rows) if row[:1] == ["NAME"]), len(rows))
    end = next((i for i in range(head, len(rows)) if len(rows[i]) != len(rows[head])), len(rows))
    yield from lines[:head]
    widths = [max(map(len, column)) for column in zip(*rows[head:end], strict=True)]
    for row in rows[head:end]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield from lines[end:]


def run() -> tuple[list[Step], list[str]]:
    """All of it: the steps, and what was left in the account."""
    with inside() as account:
        return list(play(account)), account.left()


def main(words: list[str]) -> int:
    """Write the transcript; 1 if a command failed or something was left."""
    if lacks := dynamodb.missing():
        print(f"the emulated account needs a DynamoDB Local, and {lacks} is missing here")
        return 1
    steps, left = run()
    wrong = [f"{step.command}: exit {step.code}\n{step.output}" for step in steps if step.code]
    wrong += [f"left: {name}" for name in left]
    text = transcript(steps)
    if "--print" in words or wrong:
        print(text, *wrong, sep="\n")
    else:
        TRANSCRIPT.write_text(text)
        print(f"{TRANSCRIPT.relative_to(ROOT)} is written: {len(steps)} commands")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
