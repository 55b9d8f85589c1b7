"""The demo's chain with platform="aws", in an emulated account."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.homes import home

COMMAND = "make demo-aws"
SEEN = (
    ("deployed by one command", r"CREATE_COMPLETE +llmanager-demo(?s:.)*its first sweep is done"),
    ("a plan with its price", r"at most \d+\.\d\d \$/h; \d+\.\d\d \$/h of the cap of 5\.00"),
    ("a streamed answer of real tokens", r"A: .*\b15 min"),
    ("its history in DynamoDB", r"2 messages are in DynamoDB"),
    ("ls with $/h", r"qwen3-0\.6b-\w+ +ready +1\.41"),
    ("idle deletion by the deployed Lambda", r"\[Lambda \S+\] qwen3\S+ \(life 1\): nobody used it"),
    ("the same question, after it came back", r"comes back(?s:.)*A: (?s:.)*\b15 min"),
    ("the history went on", r"4 messages are in DynamoDB"),
    (
        "it ends with the Lambda's deletion",
        r"the last part\n(  \[Lambda .*\n)+  nothing is running",
    ),
    ("nothing left", r"Done, and nothing is left"),
)


@check("aws-1")
def demo() -> Iterator[Line]:
    """The transcript, scene by scene."""
    with home():
        done = subprocess.run(
            [sys.executable, "-m", "tests.aws.demo"],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    yield Line("exit code", COMMAND, str(done.returncode), "0", done.returncode == 0)
    for claim, pattern in SEEN:
        found = re.search(pattern, done.stdout)
        told = found[0].splitlines()[-1].strip()[-70:] if found else "not seen"
        yield Line(claim, COMMAND, told, "seen", found is not None)
