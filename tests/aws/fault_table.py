"""Every AWS call of a life and a history, times every kind of trouble, once each.

A case is one namespace: something goes wrong with the first such call; what the user sees is a
typed error or success; what comes after finds its way; and after the sweeps nothing is left.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.ports.history import Stored
from llmanager_sdk.testing.aws import FakeAws, Fault
from llmanager_sdk.testing.aws.faults import What
from tests.aws.flows import Scene, ensure, reap, stop, want

TROUBLES: tuple[What, ...] = (
    "throttled",
    "denied",
    "not found",
    "conflict",
    "limit",
    "5xx",
    "lost after",
    "lost",
)
PERMANENT = ("denied", "limit")
SCALED = {"max_instances": 2}


class Case(NamedTuple):
    """What one trouble led to.

    Attributes:
        seen: "success", or the name of the error that the user got.
        again: what the next attempt led to.
        tries: how often the call was made again at once, after a permanent refusal.
        sweeps: how many it took until nothing was left.
        twins: creations beyond those that were needed.
    """

    action: str
    what: str
    seen: str
    again: str
    tries: int
    sweeps: int
    wrong: str


def actions(aws: FakeAws, home: Path) -> list[str]:
    """Every call that a life and a history make when nothing goes wrong, once each."""
    aws.faults.clear()
    scene = Scene(aws, home)
    _play(scene)
    scene.settle()
    found = list(dict.fromkeys(aws.faults.calls))
    scene.close()
    return found


ELSEWHERE = {
    "region": "eu-west-1",
    "assume_role": "arn:aws:iam::123456789012:role/builder",
}


def _play(scene: Scene, key: str = "tiny") -> AwsPlatform:
    """A whole life with scaling, a few messages, and a price of another region."""
    elsewhere = scene.process(scene.aws.session(), **ELSEWHERE)
    assert elsewhere.chat("qwen3-0.6b", None, {"instance_type": "ml.g5.xlarge"})
    platform = scene.process()
    platform.beats.beat("test")
    life = ensure(platform, want(key=key, **SCALED)).life
    platform.endpoints.logs(life, 5)
    platform.history().append("s", [Stored("1", '"a"'), Stored("2", '"b"')], None)
    platform.history().append("s", [Stored("2", '"b"'), Stored("3", '"c"')], None)
    found = [each.id for each in platform.history().read("s")]
    assert found == ["1", "2", "3"], found
    platform.history().last("s", 2)
    platform.history().sessions()
    reap(platform)
    stop(platform, key)
    return platform


def case(aws: FakeAws, home: Path, action: str, what: What) -> Case:
    """One trouble with the first such call."""
    scene = Scene(aws, home)
    if action == "sagemaker:ListTags":  # asked for only where a create found its name in use
        aws.faults.add(Fault("sagemaker:CreateModel", "lost after"))
    aws.faults.add(Fault(action, what))
    calls = len(aws.faults.calls)
    wrong = []
    seen, again = _told(lambda: _play(scene)), ""
    if not aws.faults.struck:
        wrong.append("the fault struck nothing")
    if seen.startswith("RAW"):
        wrong.append(seen)
    tries = _tries(aws, action, calls) if what in PERMANENT else 0
    if tries:
        wrong.append("a permanent refusal was tried again at once")
    aws.faults.clear()
    aws.clock.sleep(3600.0)  # backoff and claims are over
    again = _told(lambda: _play(scene))
    if again != "success":
        wrong.append(f"afterwards: {again}")
    sweeps = scene.settle()
    if scene.left():
        wrong.append(f"left: {scene.left()}")
    scene.close()
    return Case(action, what, seen, again, tries, sweeps, "; ".join(wrong))


def _told(play: object) -> str:
    assert callable(play)
    try:
        play()
    except LLManagerError as error:
        return type(error).__name__
    except Exception as error:
        return f"RAW {type(error).__name__}: {error}"[:200]
    return "success"


def _tries(aws: FakeAws, action: str, start: int) -> int:
    """How often the call that was refused was made again as the very next one."""
    calls = aws.faults.calls[start:]
    if action not in calls:
        return 0
    at = calls.index(action)
    return int(calls[at + 1 : at + 2] == [action])


def table(aws: FakeAws, home: Path, only: int = 0) -> Iterator[Case]:
    """All cases, or every `only`-th of them."""
    number = 0
    for action in [*actions(aws, home), "sagemaker:ListTags"]:
        for what in TROUBLES:
            number += 1
            if not only or number % only == 0:
                aws.faults.clear()
                yield case(aws, home, action, what)


if __name__ == "__main__":
    import tempfile

    from tests.aws.flows import account
    from tests.servers.dynamodb import dynamodb_local

    bad = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        dynamodb_local() as url,
        account(url, creating=25.0, deleting=15.0) as fake,
    ):
        for each in table(fake, folder, int((sys.argv[1:] or ["0"])[0])):
            bad += bool(each.wrong)
            print(f"{'WRONG' if each.wrong else 'ok   '} {each.action:45} {each.what:10} "
                  f"{each.seen:18} {each.sweeps} sweeps {each.wrong}", flush=True)  # fmt: skip
    sys.exit(1 if bad else 0)
