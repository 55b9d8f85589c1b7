"""A crash before and after every AWS call of the reaper's sweep; then the sweeps that follow.

The account holds, at once, what a sweep may meet: a scaled endpoint that nobody uses, one that is
in use, a creation whose process died, a resource without a row, a stranger's. The sweep ends at one
of its calls, for good; the schedule calls the next one five minutes later.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from llmanager_sdk.aws.reaper import sweep_and_tell
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.crash_table import SCALED, Crash, Crashes
from tests.aws.flows import Scene, ensure, want

MOST = 12
"""So many sweeps are waited for; more is a failure."""


class Dies(Crashes):
    """Ends a process at its n-th call, for good."""

    dead = False

    def _before(self, event_name: str, **more: Any) -> None:
        self._unless_dead(lambda: super(Dies, self)._before(event_name, **more))

    def _after(self, **more: Any) -> None:
        self._unless_dead(lambda: super(Dies, self)._after(**more))

    def _unless_dead(self, call: Any) -> None:
        if self.dead:
            raise Crash
        try:
            call()
        except Crash:
            self.dead = True
            raise


class Case(NamedTuple):
    """What one crash led to.

    Attributes:
        sweeps: how many more it took until all was as it should be.
    """

    call: str
    when: str
    sweeps: int
    wrong: str


class Place:
    """The account before the sweep."""

    def __init__(self, aws: FakeAws, home: Path) -> None:
        self.aws = aws
        self.scene = Scene(aws, home)
        platform = self.scene.process()
        platform.beats.beat("test", 1e6)
        self.used = ensure(platform, want(idle=9e6, key="used")).life.names["endpoint"]
        ensure(platform, want(key="idle", **SCALED))
        self._half_made()
        self.strangers = [f"llm-{self.scene.namespace}-nobodys", "theirs"]
        for name in self.strangers:
            aws.sagemaker.call("CreateModel", {"ModelName": name, "ExecutionRoleArn": ":role/x"})
        aws.clock.sleep(3600.0)

    def _half_made(self) -> None:
        """A creator dies just before it asks for the endpoint."""
        session = self.aws.session()
        session.events.register("before-send.sagemaker.CreateEndpoint", _die)
        with contextlib.suppress(Crash):
            ensure(self.scene.process(session), want(key="half"))

    def sweep(self, session: Any) -> dict[str, Any]:
        """As the Lambda does it."""
        environ = {"LLMANAGER_NAMESPACE": self.scene.namespace}
        clients: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in clients:
                clients[service] = session.client(service)
            return clients[service]

        clock = self.aws.clock
        with contextlib.redirect_stdout(io.StringIO()):
            return sweep_and_tell(client, environ, clock.time() + 260.0, clock)

    def wrong(self) -> list[str]:
        """What is not yet, or not any more, as it should be."""
        self.aws.sagemaker.billed()
        told = []
        parts = [*self.aws.sagemaker.models, *self.aws.sagemaker.configs]
        there = {*parts, *self.aws.sagemaker.endpoints}
        registry = self.scene.process().keeper.engine.registry
        for key, wanted in (("used", "ready"), ("idle", "gone"), ("half", "gone")):
            for life in registry.read(key).lives:
                if life.phase != wanted:
                    told.append(f"{key} is {life.phase}")
                left = there & set(life.names.values())
                if bool(left) != (wanted == "ready"):
                    told.append(f"{key}: parts that are there: {sorted(left)}")
        told += [f"{name} was touched" for name in self.strangers if name not in there]
        if self.used not in self.aws.sagemaker.endpoints:
            told.append("what is in use was deleted")
        return told

    def close(self) -> None:
        """The next case has an empty account."""
        it = self.aws.sagemaker
        for things in (it.models, it.configs, it.endpoints):
            things.clear()
        self.scene.close()


def _die(**_: Any) -> None:
    raise Crash


def calls(aws: FakeAws, home: Path) -> list[str]:
    """Those of a first sweep in which nothing crashes."""
    place, crashes = Place(aws, home), Dies(1 << 30, False)
    place.sweep(crashes.session(aws))
    place.close()
    return crashes.calls


def case(aws: FakeAws, home: Path, at: int, after: bool) -> Case:
    """One crash."""
    place, crashes = Place(aws, home), Dies(at, after)
    with contextlib.suppress(Crash):
        place.sweep(crashes.session(aws))
    told, sweeps = place.wrong(), 0
    harm = [each for each in told if "touched" in each or "in use" in each]
    while told and sweeps < MOST:
        aws.clock.sleep(300.0)
        place.sweep(aws.session())
        told, sweeps = place.wrong(), sweeps + 1
    place.close()
    call = crashes.calls[at] if at < len(crashes.calls) else "-"
    return Case(call, "after" if after else "before", sweeps, "; ".join(harm + told))


def table(aws: FakeAws, home: Path, only: int = 1) -> Iterator[Case]:
    """All cases, or every `only`-th of them."""
    number = 0
    for at in range(len(calls(aws, home))):
        for after in (False, True):
            number += 1
            if number % only == 0:
                yield case(aws, home, at, after)


if __name__ == "__main__":
    from tests.aws.flows import quick_account

    bad = 0
    with quick_account() as (fake, folder):
        for each in table(fake, folder, int((sys.argv[1:] or ["1"])[0])):
            bad += bool(each.wrong)
            print(f"{'WRONG' if each.wrong else 'ok   '} {each.when:6} {each.call:40} "
                  f"{each.sweeps} sweeps {each.wrong}", flush=True)  # fmt: skip
    sys.exit(1 if bad else 0)
