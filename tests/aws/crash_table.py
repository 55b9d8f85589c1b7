"""A crash before and after every AWS call of create, replace and stop; then one rerun.

The process ends at one of its calls: before it is sent, or after its answer came. Another process
does the same again, and must succeed; then everything is stopped, and sweeps leave nothing.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.flows import Scene, ensure, reap, stop, want

SCALED = {"max_instances": 2}


class Crash(BaseException):
    """The process ends here."""


class Crashes:
    """Ends a process at its n-th call; counts the calls otherwise.

    Args:
        at: which one, from 0; a large number for none.
        after: after its answer came, instead of before it is sent.
    """

    def __init__(self, at: int, after: bool) -> None:
        self.at = at
        self.after = after
        self.calls: list[str] = []

    def session(self, aws: FakeAws) -> Any:
        """A boto3 session that crashes."""
        session = aws.session()
        session.events.register("before-send", self._before)
        session.events.register("after-call", self._after)
        return session

    def _before(self, event_name: str, **_: Any) -> None:
        self.calls.append(".".join(event_name.split(".")[1:]))
        if len(self.calls) - 1 == self.at and not self.after:
            raise Crash

    def _after(self, **_: Any) -> None:
        if len(self.calls) - 1 == self.at and self.after:
            raise Crash


class Case(NamedTuple):
    """What one crash led to."""

    flow: str
    call: str
    when: str
    sweeps: int
    wrong: str


def create(platform: AwsPlatform) -> None:
    """The first use."""
    platform.beats.beat("test")
    ensure(platform, want(**SCALED))


def replaced(platform: AwsPlatform) -> None:
    """Another spec in the place of the first."""
    platform.beats.beat("test")
    known = ensure(platform, replace(want(context=2048), replace=True))
    assert known.life.spec.body["context"] == 2048, "callers did not get the new one"


def stopped(platform: AwsPlatform) -> None:
    """A person's word."""
    stop(platform)


Flow = Callable[[AwsPlatform], None]
FLOWS: dict[str, tuple[Flow, Flow]] = {
    "create": (lambda _: None, create),
    "replace": (create, replaced),
    "stop": (create, stopped),
}
"""What comes before, without a crash, and what crashes."""


def count(aws: FakeAws, home: Path, flow: str) -> list[str]:
    """The calls of a flow in which nothing crashes."""
    scene, crashes = Scene(aws, home), Crashes(1 << 30, False)
    before, action = FLOWS[flow]
    before(scene.process())
    action(scene.process(crashes.session(aws)))
    stop(scene.process())
    scene.settle()
    scene.close()
    return crashes.calls


def case(aws: FakeAws, home: Path, flow: str, at: int, after: bool) -> Case:
    """One crash."""
    scene, crashes = Scene(aws, home), Crashes(at, after)
    before, action = FLOWS[flow]
    before(scene.process())
    made = aws.sagemaker.created["endpoint"]
    with contextlib.suppress(Crash):
        action(scene.process(crashes.session(aws)))
    aws.clock.sleep(330.0)  # the claim of the dead process runs out; its reaper lives on
    wrong = []
    try:
        reap(scene.process())
        action(scene.process())
    except (LLManagerError, AssertionError) as error:
        wrong.append(f"the rerun: {type(error).__name__}: {error}"[:200])
    wanted = 0 if flow == "stop" else 1
    if (twins := aws.sagemaker.created["endpoint"] - made - wanted) > 0:
        wrong.append(f"{twins} endpoints too many")
    slot = scene.process().keeper.engine.registry.read("tiny")
    rows = [life.phase for life in slot.lives if life.phase in ("creating", "ready")]
    if len(rows) > (2 if flow == "replace" else 1):
        wrong.append(f"rows: {rows}")
    stop(scene.process())
    sweeps = scene.settle()
    if scene.left():
        wrong.append(f"left: {scene.left()}")
    scene.close()
    call = crashes.calls[at] if at < len(crashes.calls) else "-"
    return Case(flow, call, "after" if after else "before", sweeps, "; ".join(wrong))


def table(aws: FakeAws, home: Path, only: int = 1) -> Iterator[Case]:
    """All cases, or every `only`-th of them."""
    number = 0
    for flow in FLOWS:
        calls = count(aws, home, flow)
        for at in range(len(calls)):
            for after in (False, True):
                number += 1
                if number % only == 0:
                    yield case(aws, home, flow, at, after)


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
        for each in table(fake, folder, int((sys.argv[1:] or ["1"])[0])):
            bad += bool(each.wrong)
            print(f"{'WRONG' if each.wrong else 'ok   '} {each.flow:8} {each.when:6} "
                  f"{each.call:40} {each.sweeps} sweeps {each.wrong}", flush=True)  # fmt: skip
    sys.exit(1 if bad else 0)
