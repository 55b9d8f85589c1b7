"""A crash before and after every AWS call of deploy, diff and destroy; then one rerun.

The process ends at one of its calls: before it is sent, or after its answer came; from then on it
sends nothing. Another process does the same again, and must succeed: at once, or, where lives are
ended, when the claim of the dead process has run out. Then there is what was asked for, and nothing
else: one stack, no change set that waits, no resource, no table.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.reaper import LAMBDA
from llmanager_sdk.deploy.stacks import Options
from llmanager_sdk.errors import LLManagerError, StackFailed
from llmanager_sdk.ports.history import Stored
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.crash_table import Crash, Crashes
from tests.aws.flows import ensure, want
from tests.deploy.stage import TOPIC, Person, Stage


class Dies(Crashes):
    """Ends a process at its n-th call, for good."""

    dead = False

    def _before(self, event_name: str, **more: Any) -> None:
        if self.dead:
            raise Crash
        self._dying(lambda: super(Dies, self)._before(event_name, **more))

    def _after(self, **more: Any) -> None:
        self._dying(lambda: super(Dies, self)._after(**more))

    def _dying(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Crash:
            self.dead = True
            raise


class Case(NamedTuple):
    """What one crash led to.

    Attributes:
        took: seconds of the account's time until the rerun was done.
    """

    flow: str
    call: str
    when: str
    took: float
    wrong: str


def nothing(stage: Stage) -> None:
    """A namespace that nobody has used yet."""


def deployed(stage: Stage) -> None:
    """A stack."""
    stage.deploy()


def failed(stage: Stage) -> None:
    """A stack whose creation failed."""
    stage.aws.rules.uncreatable["Reaper"] = "no"
    with contextlib.suppress(StackFailed):
        stage.deploy()
    stage.aws.rules.uncreatable.clear()


def used(stage: Stage) -> None:
    """Two stacks, a model that runs, a conversation."""
    stage.deploy(alarms=True, topic=TOPIC)
    ensure(talked(stage), want())


def talked(stage: Stage) -> AwsPlatform:
    """A stack, and a conversation; no model runs any more."""
    if stage.stack() is None:
        stage.deploy()
    platform = stage.platform()
    platform.beats.beat(LAMBDA)
    platform.history().append("s", [Stored("1", '"hello"')], None)
    return platform


def deploy(stage: Stage, session: Any) -> None:
    """The first one."""
    stage.deploy(session=session)


def update(stage: Stage, session: Any) -> None:
    """Another version, another cap, and alarms."""
    stage.deploy(session=session, version="1.1.0", cap=8.0, alarms=True, topic=TOPIC)


def diff(stage: Stage, session: Any) -> None:
    """Only a look."""
    stage.deployer(Person(), session=session).diff(Options(cap=8.0))


def destroy(stage: Stage, session: Any) -> None:
    """Everything."""
    stage.destroy(session=session, resources="stop", data="delete", force=True)


def keep(stage: Stage, session: Any) -> None:
    """Everything but the data."""
    stage.destroy(session=session, resources="stop", data="keep", force=True)


Action = Callable[[Stage, Any], None]
FLOWS: dict[str, tuple[Callable[[Stage], object], Action]] = {
    "deploy": (nothing, deploy),
    "update": (deployed, update),
    "remake": (failed, deploy),
    "diff": (nothing, diff),
    "diff of one": (deployed, diff),
    "destroy": (used, destroy),
    "keep": (talked, keep),
}
"""What comes before, without a crash, and what crashes."""


def wrong(stage: Stage, flow: str, made: int) -> Iterator[str]:
    """What is not as it must be after the rerun."""
    stage.aws.clock.sleep(30.0)  # what was only begun, ends
    stack, alarms = stage.stack(), stage.stack(f"{stage.name}-alarms")
    gone = flow in ("diff", "destroy", "keep")
    if gone and (stack or alarms):
        yield f"left: {[x.name for x in (stack, alarms) if x]}"
    for each in (stack, alarms) if not gone else ():
        if each is not None:
            yield from _not_whole(each.status, [x.execution for x in each.change_sets.values()])
    if flow == "update" and (not stack or not alarms or stack.outputs["Cap"] != "8"):
        yield "the update is not there"
    if flow in ("deploy", "remake") and (not stack or stack.outputs.get("Version") != "1.0.0"):
        yield "the stack is not there"
    most = {"deploy": 1, "update": 1, "remake": 1, "diff": 2}.get(flow, 0)
    if (more := stage.aws.cloudformation.made - made) > most:
        yield f"{more} stacks were made"
    if flow in ("destroy", "keep"):
        if left := stage.scene.left():
            yield f"in SageMaker: {left}"
        if len(tables := stage.tables()) != (0 if flow == "destroy" else 2):
            yield f"tables: {tables}"
        if flow == "keep" and stage.platform().beats.living():
            yield "a reaper that is gone counts as alive"


def _not_whole(status: str, executions: list[str]) -> Iterator[str]:
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        yield f"the stack is in {status}"
    if set(executions) - {"EXECUTE_COMPLETE"}:
        yield f"change sets: {executions}"


def count(aws: FakeAws, home: Path, flow: str) -> list[str]:
    """The calls of a flow in which nothing crashes; and that is checked, too."""
    stage, dies = Stage(aws, home), Dies(1 << 30, False)
    before, action = FLOWS[flow]
    before(stage)
    made = aws.cloudformation.made
    action(stage, dies.session(aws))
    assert not (found := list(wrong(stage, flow, made))), f"without a crash: {found}"
    clear(stage)
    return dies.calls


def case(aws: FakeAws, home: Path, flow: str, at: int, after: bool) -> Case:
    """One crash."""
    stage, dies = Stage(aws, home), Dies(at, after)
    before, action = FLOWS[flow]
    before(stage)
    made = aws.cloudformation.made
    with contextlib.suppress(Crash):
        action(stage, dies.session(aws))
    if flow == "destroy":
        aws.clock.sleep(330.0)
    began, found = aws.clock.time(), []
    try:
        action(stage, None)
    except LLManagerError as error:
        found.append(f"the rerun: {type(error).__name__}: {error}"[:300])
    took = aws.clock.time() - began
    found += wrong(stage, flow, made)
    clear(stage)
    call = dies.calls[at] if at < len(dies.calls) else "-"
    return Case(flow, call, "after" if after else "before", took, "; ".join(found))


def clear(stage: Stage) -> None:
    """The next case begins in an empty account."""
    stage.destroy(resources="stop", data="delete", force=True)
    stage.scene.close()
    stage.aws.cloudformation.deleted.clear()


def table(aws: FakeAws, home: Path, only: int = 1) -> Iterator[Case]:
    """All cases, or every `only`-th of them."""
    number = 0
    for flow in FLOWS:
        for at in range(len(count(aws, home, flow))):
            for after in (False, True):
                number += 1
                if number % only == 0:
                    yield case(aws, home, flow, at, after)


if __name__ == "__main__":
    from tests.aws.flows import quick_account

    bad = 0
    with quick_account() as (fake, folder):
        for each in table(fake, folder, int((sys.argv[1:] or ["1"])[0])):
            bad += bool(each.wrong)
            print(f"{'WRONG' if each.wrong else 'ok   '} {each.flow:11} {each.when:6} "
                  f"{each.call:40} {each.took:5.0f} s {each.wrong}", flush=True)  # fmt: skip
    sys.exit(1 if bad else 0)
