"""What a fake stack is made of, and what an operation on it does, one step after the other.

`cloudformation` answers the calls; here is what happens in between. Each operation is a line of
steps with their times, so that a look at any moment sees what is done by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmanager_sdk.testing.aws.rules import Rules
from llmanager_sdk.testing.aws.template import Rendered, Resource

STACK = "AWS::CloudFormation::Stack"
CANCELLED = "Resource creation cancelled"
"""Fact: what the others say when one resource could not be created."""


class Happened(NamedTuple):
    """One event."""

    id: str
    at: float
    logical: str
    physical: str
    kind: str
    status: str
    reason: str


class Due(NamedTuple):
    """What happens to a resource, or to the stack itself, at a time to come."""

    at: float
    logical: str
    status: str
    reason: str = ""
    then: Callable[[], None] = lambda: None


class Change(NamedTuple):
    """What a change set says of one resource."""

    action: str
    logical: str
    physical: str
    kind: str
    replacement: str = ""


@dataclass
class ChangeSet:
    """One change set."""

    name: str
    id: str
    request: Mapping[str, Any]
    created: float
    rendered: Rendered | None
    changes: list[Change]
    failure: str = ""
    execution: str = ""


@dataclass
class Stack:
    """One stack."""

    name: str
    id: str
    created: float
    status: str = "REVIEW_IN_PROGRESS"
    reason: str = ""
    parameters: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    events: list[Happened] = field(default_factory=list)
    due: list[Due] = field(default_factory=list)
    protected: bool = False

    def advance(self, now: float) -> None:
        """Let happen what is due by now."""
        while self.due and self.due[0].at <= now:
            it = self.due.pop(0)
            self.happen(it.at, it.logical, it.status, it.reason)
            it.then()

    def happen(self, at: float, logical: str, status: str, reason: str = "") -> None:
        """One event; without a resource it is the stack's own, and its new status."""
        found = self.resources.get(logical)
        kind, physical = (found.kind, found.physical) if found else (STACK, self.id)
        if not logical:
            self.status, self.reason = status, reason
        number = f"{len(self.events):08d}-{self.id[-8:]}"
        self.events.append(
            Happened(number, at, logical or self.name, physical, kind, status, reason)
        )


def differences(stack: Stack, rendered: Rendered) -> list[Change]:
    """What a template changes about the resources of a stack."""
    found: list[Change] = []
    for logical, new in rendered.resources.items():
        old = stack.resources.get(logical)
        if old is None:
            found.append(Change("Add", logical, "", new.kind))
        elif old != new:
            other = old.kind != new.kind or old.physical != new.physical
            found.append(Change("Modify", logical, old.physical, new.kind, str(other)))
    for logical, old in stack.resources.items():
        if logical not in rendered.resources:
            found.append(Change("Remove", logical, old.physical, old.kind))
    return found


def executed(stack: Stack, made: ChangeSet, rules: Rules, now: float) -> list[Due]:
    """The steps of carrying a change set out."""
    assert made.rendered is not None
    rendered = made.rendered
    creates = stack.status == "REVIEW_IN_PROGRESS"
    verb = "CREATE" if creates else "UPDATE"
    time = _steps(now + rules.stack_lag, rules.stack_step)
    before = dict(stack.resources)

    def begin() -> None:
        stack.resources |= {c.logical: rendered.resources[c.logical] for c in news}
        if creates:
            say()

    def say() -> None:
        stack.parameters = dict(rendered.parameters)
        stack.tags = {each["Key"]: each["Value"] for each in made.request.get("Tags", [])}

    def end() -> None:
        stack.resources = dict(rendered.resources)
        stack.outputs = dict(rendered.outputs)
        say()
        made.execution = "EXECUTE_COMPLETE"

    def undo() -> None:
        stack.resources = before
        made.execution = "EXECUTE_FAILED"

    news = [change for change in made.changes if change.action == "Add"]
    kept = [change for change in made.changes if change.action != "Remove"]
    due = [Due(next(time), "", f"{verb}_IN_PROGRESS", "User Initiated", begin)]
    bad = next((change for change in kept if change.logical in rules.uncreatable), None)
    for change in kept:
        what = "CREATE" if change.action == "Add" else "UPDATE"
        due.append(Due(next(time), change.logical, f"{what}_IN_PROGRESS"))
        if change is bad:
            due.append(
                Due(next(time), change.logical, f"{what}_FAILED", rules.uncreatable[change.logical])
            )
            break
        due.append(Due(next(time), change.logical, f"{what}_COMPLETE"))
    if bad is not None:
        return [*due, *_rolled_back(kept, bad, creates, time, undo)]
    gone = [change for change in made.changes if change.action == "Remove"]
    if not creates:
        due.append(Due(next(time), "", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
        due += [Due(next(time), change.logical, "DELETE_COMPLETE") for change in gone]
    due.append(Due(next(time), "", f"{verb}_COMPLETE", "", end))
    return due


def _rolled_back(
    kept: list[Change],
    bad: Change,
    creates: bool,
    time: Iterator[float],
    undo: Callable[[], None],
) -> Iterator[Due]:
    """Fact: the others are cancelled, the stack says whose fault it was, and goes back."""
    at = kept.index(bad)
    for change in kept[at + 1 :]:
        what = "CREATE" if change.action == "Add" else "UPDATE"
        yield Due(next(time), change.logical, f"{what}_FAILED", CANCELLED)
    verb = "" if creates else "UPDATE_"
    what = "create" if bad.action == "Add" else "update"
    why = (
        f"The following resource(s) failed to {what}: [{bad.logical}]. Rollback requested by user."
    )
    yield Due(next(time), "", f"{verb}ROLLBACK_IN_PROGRESS", why)
    for change in reversed(kept[: at + 1]):
        if change.action == "Add":
            yield Due(next(time), change.logical, "DELETE_COMPLETE")
    yield Due(next(time), "", f"{verb}ROLLBACK_COMPLETE", "", undo)


def deleted(stack: Stack, rules: Rules, now: float, gone: Callable[[], None]) -> list[Due]:
    """The steps of deleting a stack."""
    time = _steps(now + rules.stack_lag, rules.stack_step)
    due = [Due(next(time), "", "DELETE_IN_PROGRESS", "User Initiated")]
    failed: list[str] = []
    for logical in reversed(list(stack.resources)):
        due.append(Due(next(time), logical, "DELETE_IN_PROGRESS"))
        if why := rules.undeletable.get(logical, ""):
            due.append(Due(next(time), logical, "DELETE_FAILED", why))
            failed.append(logical)
            continue

        def drop(logical: str = logical) -> None:
            stack.resources.pop(logical, None)

        due.append(Due(next(time), logical, "DELETE_COMPLETE", "", drop))
    if failed:
        why = f"The following resource(s) failed to delete: [{', '.join(failed)}]. "
        due.append(Due(next(time), "", "DELETE_FAILED", why))
    else:
        due.append(Due(next(time), "", "DELETE_COMPLETE", "", gone))
    return due


def _steps(start: float, step: float) -> Iterator[float]:
    while True:
        yield start
        start += step
