"""Every AWS call of deploy and destroy, times every kind of trouble, once each.

What the user sees is a typed error or success; the same command again, with nothing wrong any
more, succeeds; and nothing is left that should not be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.testing.aws import FakeAws, Fault
from llmanager_sdk.testing.aws.faults import What
from tests.aws.fault_table import TROUBLES
from tests.deploy.crash_table import FLOWS, clear, wrong
from tests.deploy.stage import Stage

PLAYED = ("update", "diff", "destroy")
"""Between them they make every call."""


class Case(NamedTuple):
    """What one trouble led to.

    Attributes:
        seen: "success", or the name of the error that the user got.
    """

    flow: str
    action: str
    what: str
    seen: str
    wrong: str


def actions(aws: FakeAws, home: Path, flow: str) -> list[str]:
    """Every call that a flow makes when nothing goes wrong, once each."""
    stage = Stage(aws, home)
    before, action = FLOWS[flow]
    before(stage)
    aws.faults.clear()
    action(stage, None)
    found = list(dict.fromkeys(aws.faults.calls))
    clear(stage)
    return found


def case(aws: FakeAws, home: Path, flow: str, action: str, what: What) -> Case:
    """One trouble with the first such call."""
    stage = Stage(aws, home)
    before, play = FLOWS[flow]
    before(stage)
    made = aws.cloudformation.made
    aws.faults.clear()
    aws.faults.add(Fault(action, what))
    seen = _told(lambda: play(stage, None))
    found = [] if aws.faults.struck else ["the fault struck nothing"]
    aws.faults.clear()
    if seen.startswith("RAW"):
        found.append(seen)
    again = _told(lambda: play(stage, None))
    if again != "success":
        found.append(f"afterwards: {again}")
    found += wrong(stage, flow, made)
    clear(stage)
    return Case(flow, action, what, seen, "; ".join(found))


def _told(play: Callable[[], None]) -> str:
    try:
        play()
    except LLManagerError as error:
        return type(error).__name__
    except Exception as error:
        return f"RAW {type(error).__name__}: {error}"[:200]
    return "success"


def table(aws: FakeAws, home: Path, only: int = 1) -> Iterator[Case]:
    """All cases, or every `only`-th of them."""
    number = 0
    known: set[str] = set()
    for flow in PLAYED:
        for action in actions(aws, home, flow):
            if action in known:
                continue
            known.add(action)
            for what in TROUBLES:
                number += 1
                if number % only == 0:
                    yield case(aws, home, flow, action, what)


if __name__ == "__main__":
    from tests.aws.flows import quick_account

    bad = 0
    with quick_account() as (fake, folder):
        for each in table(fake, folder, int((sys.argv[1:] or ["1"])[0])):
            bad += bool(each.wrong)
            print(f"{'WRONG' if each.wrong else 'ok   '} {each.flow:8} {each.action:40} "
                  f"{each.what:10} {each.seen:18} {each.wrong}", flush=True)  # fmt: skip
    sys.exit(1 if bad else 0)
