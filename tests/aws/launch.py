"""Any command in an emulated account, which it finds by its environment alone.

    python -m tests.aws.launch sh -c "llmanager deploy --yes; llmanager doctor"
    python -m tests.aws.launch bash
    python -m tests.aws.launch --fast bash

The account is that of `tests.aws.emulated`: the tokens come from a real llama.cpp, the tables are
in a real DynamoDB Local, the stack's Lambda runs in ministack. An endpoint comes in seconds; with
--fast it takes as long as at AWS, and the time of the account and of every Python in it runs thirty
times as fast as yours. It ends with the command, and keeps nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.testing.aws import FakeAws, LocalEngine, Rules
from tests.aws.clocks import Fast
from tests.aws.emulated import emulated_account
from tests.servers import dynamodb

SOON = Rules(creating=10.0, deleting=3.0, visible=0.3)
AS_AT_AWS = Rules(creating=300.0, deleting=60.0, visible=5.0, metric_delay=60.0)
FAST_CLOCK = Path(__file__).resolve().parent.parent / "servers" / "fast_clock"


@dataclass(frozen=True)
class Inside:
    """An account, and the whole environment of a process in it.

    Attributes:
        folder: empty at first: the process's home is there.
    """

    aws: FakeAws
    environ: Mapping[str, str]
    folder: Path

    def left(self) -> list[str]:
        """Everything that there still is: in SageMaker, tables, stacks."""
        it, session = self.aws.sagemaker, self.aws.session()
        it.billed()
        tables = session.client("dynamodb").list_tables()["TableNames"]
        stacks = session.client("cloudformation").describe_stacks()["Stacks"]
        names = [each["StackName"] for each in stacks if each["StackStatus"] != "DELETE_COMPLETE"]
        return [*it.endpoints, *it.configs, *it.models, *tables, *names]


@contextmanager
def inside(*, fast: bool = False) -> Iterator[Inside]:
    """Start everything, and end it."""
    clock, rules = (Fast(), AS_AT_AWS) if fast else (SYSTEM, SOON)
    account = emulated_account(LocalEngine(), rules=rules, clock=clock)
    with tempfile.TemporaryDirectory() as name, account as aws:
        folder = Path(name).resolve()
        yield Inside(aws, environ(aws, folder), folder)


def environ(aws: FakeAws, folder: Path) -> dict[str, str]:
    """Of a process that has this account, and nothing else of whoever starts it."""
    fast = aws.clock.environ() if isinstance(aws.clock, Fast) else {}
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    return {
        "PATH": os.pathsep.join(programs),
        "HOME": str(folder),
        "TMPDIR": tempfile.gettempdir(),
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(FAST_CLOCK),
        "PYTHONUNBUFFERED": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TERM": os.environ.get("TERM", "dumb"),
        **fast,
        **aws.environ(),
    }


def main(words: list[str]) -> int:
    """Run the command; its exit code."""
    fast = words[:1] == ["--fast"]
    words = words[1:] if fast else words
    words = words[1:] if words[:1] == ["--"] else words
    if not words:
        print(__doc__)
        return 2
    if lacks := dynamodb.missing():
        print(f"the emulated account needs a DynamoDB Local, and {lacks} is missing here")
        return 1
    with inside(fast=fast) as account:
        return subprocess.run(words, env=dict(account.environ), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
