"""The stack and its leftovers, and whether a reaper lives."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import llmanager_sdk
from llmanager_sdk.aws.guard import Words
from llmanager_sdk.aws.reaper import LAMBDA
from llmanager_sdk.aws.stack import older, stack_name
from llmanager_sdk.deploy.gateway import CloudFormation
from llmanager_sdk.doctor.finding import Check, Finding, Fix
from llmanager_sdk.errors import PermissionMissing
from llmanager_sdk.resource.status import duration

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform

WATCH = "watch@"
"""What the source of a `reap --watch` begins with; host and process follow."""


class StackChecks:
    """Checks of a namespace's stack.

    Args:
        platform: whose namespace.
    """

    def __init__(self, platform: AwsPlatform) -> None:
        self._platform = platform
        self._namespace = platform.settings.namespace
        self._clock = platform.keeper.engine.clock

    def checks(self) -> dict[str, Check]:
        """By their names."""
        return {
            "stack": self.stack,
            "change sets": self.change_sets,
            "reaper": self.reaper,
        }

    @property
    def _formation(self) -> CloudFormation:
        return CloudFormation(self._platform.account.client("cloudformation"))

    def stack(self) -> Finding:
        """Whether there is one, in which state, of which version."""
        found = self._formation.look(stack_name(self._namespace))
        if not found.exists:
            return Finding(False, f"there is no {found.name}: `llmanager deploy` sets it up")
        version = found.outputs.get("Version", "")
        cap = f", cap {found.outputs['Cap']} $/h" if "Cap" in found.outputs else ""
        told = f"{found.name} is {found.status}, version {version or 'unknown'}{cap}"
        if not found.is_of(self._namespace):
            return Finding(False, f"{told}: it is not ours")
        if not found.settled:
            why = f" ({found.reason})" if found.reason else ""
            return Finding(False, f"{told}{why}: `llmanager deploy` goes on with it")
        mine = llmanager_sdk.__version__
        if version and older(version, mine):
            return Finding(False, f"{told}, older than this SDK ({mine}): `llmanager deploy`")
        return Finding(True, told)

    def change_sets(self) -> Finding:
        """Those that nobody can carry out any more, or that nobody meant to."""
        left = list(self._left())
        if not left:
            return Finding(True, "none is left over")
        fixes = tuple(
            Fix(
                f"remove the change set {name} of the stack {stack}",
                lambda stack=stack, name=name: self._withdraw(stack, name),  # type: ignore[misc]
            )
            for stack, name in left
        )
        names = ", ".join(name for _, name in left)
        return Finding(False, f"left over: {names}", fixes)

    def _left(self) -> Iterator[tuple[str, str]]:
        formation = self._formation
        for stack in (stack_name(self._namespace), stack_name(self._namespace, "alarms")):
            if not formation.look(stack).exists:
                continue
            for name in formation.change_sets(stack):
                it = formation.change_set(stack, name)
                if it is None or it.pending or not name.startswith("llmanager-"):
                    continue
                shown = name.startswith("llmanager-diff-")
                carried_out = it.execution.startswith("EXECUTE_")
                if shown or not (it.usable or carried_out):
                    yield stack, name

    def _withdraw(self, stack: str, name: str) -> str:
        self._formation.withdraw(stack, name)
        return "removed"

    # -- reapers -------------------------------------------------------------------------------

    def reaper(self) -> Finding:
        """Who deletes, and words of those who do not any more."""
        words, now = self._platform.beats.words(), self._clock.time()
        fixes = tuple(self._stale(words, now))
        if words.off_by:
            return Finding(
                False,
                f"off ({words.off_by}): none deletes anything, and nothing that costs money is "
                "created; `llmanager reap --on` turns the reapers on again",
                fixes,
            )
        living = words.living(now)
        told = [f"{x.source}, good for another {duration(x.expires - now)}" for x in living]
        if not living:
            return Finding(False, f"none lives{self._last(words, now)}", fixes)
        late = "" if any(x.source == LAMBDA for x in living) else self._last(words, now)
        stale = f"; {len(fixes)} without a process" if fixes else ""
        return Finding(not (late or fixes), "; ".join(told) + late + stale, fixes)

    def _last(self, words: Words, now: float) -> str:
        """What became of the Lambda."""
        last = float(words.get(LAMBDA, "expires") or 0.0)
        if last:
            log = f"/aws/lambda/llmanager-{self._namespace}-reaper"
            return f"; the Lambda's last word ran out {duration(now - last)} ago: see the log {log}"
        try:
            deployed = bool(self._platform.stack.outputs())
        except PermissionMissing:
            deployed = False
        if deployed:
            return "; the Lambda has not swept yet: it does every 5 minutes"
        return "; `llmanager deploy`, or `llmanager reap --watch`"

    def _stale(self, words: Words, now: float) -> Iterator[Fix]:
        """Words of watches that are over, or whose process on this machine is."""
        for source in words.said:
            if not source.startswith(WATCH):
                continue
            left = float(words.get(source, "expires") or 0.0) - now
            why = "ran out" if left <= 0 else "names a process that is not there"
            if left <= 0 or _dead_here(source):
                yield Fix(
                    f"clear the heartbeat of {source}, which {why}",
                    lambda source=source: self._clear(source),  # type: ignore[misc]
                )

    def _clear(self, source: str) -> str:
        self._platform.beats.end(source)
        return "nobody counts on it any more"


def _dead_here(source: str) -> bool:
    """Whether it names a process of this machine that is gone. Others cannot be judged."""
    host, _, process = source.removeprefix(WATCH).rpartition(":")
    if host != socket.gethostname() or not process.isdigit():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
