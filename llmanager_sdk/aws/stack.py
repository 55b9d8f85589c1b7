"""What the namespace's stack says of itself: the role of SageMaker, the cap, the version.

`llmanager deploy` makes the stack (`llmanager_sdk.deploy`); here it is only read, so that nothing
of it has to be configured.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from llmanager_sdk.aws.account import Account
from llmanager_sdk.aws.answers import missing, said
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.forks import forget_after_fork
from llmanager_sdk.version import VERSION

TAG = "llmanager:namespace"
"""On the stack, and on everything in it that bears tags."""
ROLE = "SageMakerRoleArn"
"""The output with the role that SageMaker takes on."""
DEFAULT_CAP = 5.0
"""$/h, where neither a stack nor a setting says anything else."""
FRESH_S = 60.0
"""So long an answer is used again."""
_GOING = "DELETE_"
_NOT_UP = ("ROLLBACK_", "REVIEW_")


def stack_name(namespace: str, which: Literal["template", "alarms"] = "template") -> str:
    """What a stack of the namespace is called."""
    return f"llmanager-{namespace}" + ("-alarms" if which == "alarms" else "")


def older(one: str, other: str) -> bool:
    """Whether a version comes before another one; what is after its three numbers is ignored."""
    return _numbers(one) < _numbers(other)


def _numbers(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", version)[:3]]


def allowed(mine: float | None, outputs: Mapping[str, str], *, seen: bool = True) -> float:
    """The most that the namespace may cost, $/h: the stack's word, which a setting may lower.

    Args:
        mine: the setting; None where there is none.
        outputs: of the stack.
        seen: whether the stack could be looked at. If not, it may say anything: a setting does
            not go beyond the cap that a stack has unless somebody says otherwise.
    """
    told = float(outputs["Cap"]) if "Cap" in outputs else None
    if told is None and not seen:
        told = DEFAULT_CAP
    return min((cap for cap in (mine, told) if cap is not None), default=DEFAULT_CAP)


def outdated(outputs: Mapping[str, str], mine: str = VERSION) -> str:
    """What to tell a person whose stack was made by an older SDK than this one; else nothing."""
    deployed = outputs.get("Version", "")
    if not deployed or not older(deployed, mine):
        return ""
    return (
        f"the deployed reaper is of version {deployed}, older than this SDK ({mine}): it spares "
        "what it does not know, until `llmanager deploy` replaces it"
    )


@dataclass(frozen=True)
class _Seen:
    """What one look told.

    Attributes:
        outputs: what may be used.
        said: what a person said about it, its cap among that; it holds while the stack goes, too.
    """

    outputs: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    going: bool = False
    note: str = ""


class Stack:
    """The stack of one namespace, as far as a user of it needs to know it. Makes nothing.

    Args:
        account: where it is.
        namespace: whose.
        clock: for how long an answer is used.
    """

    def __init__(self, account: Account, namespace: str, clock: Clock = SYSTEM) -> None:
        self.name = stack_name(namespace)
        self._account = account
        self._clock = clock
        self._known = _Seen()
        self._until: float
        self._forget()
        forget_after_fork(self)

    def outputs(self) -> Mapping[str, str]:
        """Its outputs; none where there is no stack, or where this caller may not look.

        Raises:
            CredentialsMissing, CloudUnavailable: nothing can be said.
        """
        return self._fresh().outputs

    def cap(self, mine: float | None) -> float:
        """The most that the namespace may cost, $/h.

        Args:
            mine: the setting; None where there is none.

        Raises:
            CredentialsMissing, CloudUnavailable: nothing can be said.
        """
        seen = self._fresh()
        return allowed(mine, seen.said, seen=not seen.note)

    @property
    def note(self) -> str:
        """Why the last look was not possible; empty if it was."""
        return self._known.note

    @property
    def going(self) -> bool:
        """At the last look it was being deleted, or half of it was: its Lambda may be gone."""
        return self._known.going

    def _fresh(self) -> _Seen:
        with self._lock:
            if self._clock.monotonic() >= self._until:
                self._known = _Seen()
                self._known = self._look()
                self._until = self._clock.monotonic() + FRESH_S
            return self._known

    def _look(self) -> _Seen:
        try:
            found = self._account.client("cloudformation").describe_stacks(StackName=self.name)
        except Exception as error:
            if missing(error):
                return _Seen()
            if said(error).code.startswith("AccessDenied"):
                return _Seen(
                    note=f"the stack {self.name} (cloudformation:DescribeStacks is not allowed)"
                )
            raise translate(error, resource=self.name, step="look at the stack") from error
        stack = found["Stacks"][0]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}
        if stack["StackStatus"].startswith(_GOING):
            given = stack.get("Parameters", [])
            told = {each["ParameterKey"]: each.get("ParameterValue", "") for each in given}
            return _Seen(said={**told, **outputs}, going=True)
        if stack["StackStatus"].startswith(_NOT_UP):
            return _Seen()
        return _Seen(outputs, said=outputs)

    def forget(self) -> None:
        """The stack was changed: look again."""
        self._until = float("-inf")

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self.forget()
