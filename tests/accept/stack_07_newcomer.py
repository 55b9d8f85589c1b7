"""A newcomer's path from the README to a first answer on aws, and back to nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.homes import home
from tests.aws import newcomer

COMMAND = "python -m tests.aws.newcomer --print"


@check("stack-7")
def path() -> Iterator[Line]:
    """Every command of the README's section, its answer, what is left, and the transcript."""
    with home():
        steps, left = newcomer.run()
    for step in steps:
        yield Line(f"$ {step.command}", COMMAND, f"exit {step.code}", "exit 0", step.code == 0)
    answer, *_ = next(
        step.output for step in steps if newcomer.PROGRAM in step.command
    ).splitlines()
    yield Line("a first answer, of real tokens", COMMAND, answer[:70], "7 days", "7 days" in answer)
    told = ", ".join(left) or "nothing"
    yield Line("left in the account at the end", COMMAND, told, "nothing", not left)
    kept, now = newcomer.TRANSCRIPT.read_text(), newcomer.transcript(steps)
    lines = difflib.unified_diff(kept.splitlines(), now.splitlines(), n=0, lineterm="")
    differ = [line for line in lines if line[:3] not in ("---", "+++") and line[:2] != "@@"]
    told = f"{len(kept.splitlines())} lines, {len(differ)} differ" + "".join(differ[:2])[:120]
    yield Line("docs/transcript.md is what is printed", COMMAND, told, "0 differ", not differ)
