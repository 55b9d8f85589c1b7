"""What a stack should be, what it is, and the one next step between the two. Pure.

`gateway` looks, `up` and `down` act.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from llmanager_sdk.aws.stack import DEFAULT_CAP, TAG, older, stack_name
from llmanager_sdk.deploy.templates import Name
from llmanager_sdk.errors import ConfigurationError, NameTaken, NotAllowed, StackFailed

Purpose = Literal["deploy", "diff"]
STACK_TYPE = "AWS::CloudFormation::Stack"
OURS = "llmanager-"
"""What the names of our change sets begin with."""


@dataclass(frozen=True)
class Options:
    """What a person asked for; None leaves what is deployed, or the template's default.

    Attributes:
        cap: the most that the namespace may cost, $/h.
        topic: the ARN of an SNS topic that gets reports and alarms; "" for none any more.
        kms_key: the ARN of a key of the user's own.
        subnets, security_groups: of a VPC that the Lambda is attached to.
        alarms: the second stack too, with alarms and a dashboard.
        force: put an older reaper in the place of a newer one.
    """

    cap: float | None = None
    topic: str | None = None
    kms_key: str | None = None
    subnets: tuple[str, ...] | None = None
    security_groups: tuple[str, ...] | None = None
    alarms: bool = False
    force: bool = False

    def parameters(self) -> dict[str, str]:
        """Those that were given, as the templates call them."""
        given = {
            "Cap": None if self.cap is None else f"{self.cap:g}",
            "TopicArn": self.topic,
            "KmsKeyArn": self.kms_key,
            "SubnetIds": None if self.subnets is None else ",".join(self.subnets),
            "SecurityGroupIds": (
                None if self.security_groups is None else ",".join(self.security_groups)
            ),
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class Found:
    """A stack as it is. An empty status: there is none.

    Attributes:
        protected: against deletion, by a person.
        waiting: change sets of one under review, where they were looked at.
    """

    name: str
    status: str = ""
    reason: str = ""
    id: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False
    waiting: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether there is anything to delete."""
        return self.status not in ("", "DELETE_COMPLETE")

    @property
    def settled(self) -> bool:
        """Whether it is up and works."""
        return self.status in _UPDATABLE

    def is_of(self, namespace: str) -> bool:
        """Whether it is ours: by the tag that `deploy` sets, or, where a console made it, by what
        its template says. One under review is empty, and of those whose change sets wait in it."""
        said = (self.tags.get(TAG), self.parameters.get("Namespace"), self.outputs.get("Namespace"))
        theirs = any(not name.startswith(OURS) for name in self.waiting)
        empty = self.status == "REVIEW_IN_PROGRESS" and not theirs
        return not self.exists or empty or namespace in said


@dataclass(frozen=True)
class Wanted:
    """A stack as it should be."""

    name: str
    template: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]

    def change_set(self, purpose: Purpose) -> str:
        """The same content has the same name, so that a rerun finds what a crash left."""
        content = [self.template, dict(self.parameters), dict(self.tags)]
        text = json.dumps(content, sort_keys=True)
        return f"{OURS}{purpose}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def wanted(
    namespace: str,
    which: Name,
    text: str,
    version: str,
    options: Options,
    found: Found,
    base: Mapping[str, str] | None = None,
) -> Wanted:
    """What a stack should be: what was asked for, over what is deployed.

    Args:
        text: the template.
        version: of this SDK.
        found: the stack as it is; what nobody asked to change stays.
        base: parameters for want of those: of the first stack, for the second one; of the one
            that this one takes the place of.

    Raises:
        ConfigurationError: alarms that nobody would hear.
    """
    known = declared(text)
    usual = {"Cap": f"{DEFAULT_CAP:g}"}
    values = {**usual, **(base or {}), **found.parameters, **options.parameters()}
    if which == "alarms" and not values.get("TopicArn"):
        raise ConfigurationError(
            "alarms need an SNS topic, which tells somebody",
            resource=stack_name(namespace, which),
            step="propose",
            hint="llmanager deploy --alarms --topic arn:aws:sns:...",
        )
    values |= {"Namespace": namespace, "Version": version}
    parameters = {name: value for name, value in sorted(values.items()) if name in known}
    return Wanted(stack_name(namespace, which), text, parameters, {TAG: namespace})


def declared(text: str) -> set[str]:
    """The names of a template's parameters."""
    section = re.search(r"^Parameters:.*\n((?:(?:[ #].*)?\n)*)", text, re.M)
    found = re.findall(r"^( +)(\w+):", section[1], re.M) if section else []
    least = min((len(indent) for indent, _ in found), default=0)
    return {name for indent, name in found if len(indent) == least}


# -- the next step ---------------------------------------------------------------------------------


class Await(NamedTuple):
    """Something is going on; nothing can be changed until it ends."""

    status: str


class Remake(NamedTuple):
    """It can only be deleted, and made anew."""

    status: str


class Propose(NamedTuple):
    """A change set of this type."""

    kind: Literal["CREATE", "UPDATE"]


Step = Await | Remake | Propose

_UPDATABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
_DEAD = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
"""Nothing of these can be updated: their creation failed, or half of them is deleted."""


def next_step(found: Found) -> Step:
    """What comes next on the way to a stack as it should be.

    Raises:
        StackFailed: only a person can help.
    """
    if not found.exists or found.status == "REVIEW_IN_PROGRESS":
        return Propose("CREATE")
    if found.status.endswith("_IN_PROGRESS"):
        return Await(found.status)
    if found.status in _UPDATABLE:
        return Propose("UPDATE")
    if found.status in _DEAD:
        return Remake(found.status)
    raise StackFailed(
        f"the stack is in {found.status}, which deploy cannot get it out of: {found.reason}",
        resource=found.name,
        step="look at the stack",
        hint="aws cloudformation continue-update-rollback --stack-name "
        f"{found.name}, then `llmanager deploy` again",
    )


def check(namespace: str, version: str, found: Found, *, force: bool) -> None:
    """Refuse to touch what is not ours, or newer.

    Raises:
        NameTaken: a stack of that name says that it is somebody else's.
        NotAllowed: the deployed reaper is newer than this SDK.
    """
    if not found.is_of(namespace):
        raise NameTaken(
            f"a stack called {found.name} exists, and llmanager did not make it for {namespace}",
            resource=found.name,
            step="look at the stack",
            hint="use another namespace: LLMANAGER_NAMESPACE; it was left as it is",
        )
    deployed = found.outputs.get("Version", "")
    if deployed and older(version, deployed) and not force:
        raise NotAllowed(
            f"the deployed reaper is of version {deployed}, and this SDK is {version}: an older "
            "one would spare for ever what the newer one wrote",
            resource=found.name,
            step="look at the stack",
            hint="install the newer SDK (pip install -U llmanager-sdk), or say --force",
        )


# -- what would change, and what happened ----------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """What would become of one resource.

    Attributes:
        action: "Add", "Modify", "Remove", ...
        replacement: "True", "False", "Conditional"; "" where there is nothing to replace.
    """

    action: str
    logical: str
    kind: str
    replacement: str = ""

    def __str__(self) -> str:
        told = {"True": ", replaced by a new one", "Conditional": ", may be replaced"}
        return (
            f"{self.action.lower():8} {self.logical} ({self.kind}){told.get(self.replacement, '')}"
        )


def moved(wanted: Wanted, found: Found) -> list[str]:
    """Parameters that get another value."""
    before = found.parameters if found.settled else {}
    return [
        f"{name}: {before[name] or '(none)'} -> {value or '(none)'}"
        if name in before
        else f"{name}: {value or '(none)'}"
        for name, value in wanted.parameters.items()
        if before.get(name) != value
    ]


@dataclass(frozen=True)
class Event:
    """One line of what happened to a stack."""

    id: str
    logical: str
    kind: str
    status: str
    reason: str = ""

    @property
    def of_stack(self) -> bool:
        """It tells of the stack itself."""
        return self.kind == STACK_TYPE

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason and self.reason != "User Initiated" else ""
        return f"{self.status:20} {self.logical} ({self.kind}){why}"


_BEGINS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS")


def operation(events: Iterable[Event]) -> Iterator[Event]:
    """The events of the latest operation, from its last one back to its first.

    Args:
        events: of one stack, the newest first, as CloudFormation lists them.
    """
    for event in events:
        yield event
        if event.of_stack and event.status in _BEGINS:
            return


def failures(events: Iterable[Event]) -> list[str]:
    """Why it failed: the resources that did, without those that were only cancelled for it."""
    return [
        f"{event.logical} ({event.kind}): {event.reason or event.status}"
        for event in events
        if event.status.endswith("_FAILED")
        and not event.of_stack
        and "cancelled" not in event.reason.lower()
    ]
