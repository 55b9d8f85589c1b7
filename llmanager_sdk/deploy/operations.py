"""What takes CloudFormation a while: proposing, carrying out, deleting; followed to its end.

Each of them may be repeated: it looks what an earlier try left, and goes on from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from llmanager_sdk.core.ports import Clock
from llmanager_sdk.deploy.gateway import ChangeSet, CloudFormation
from llmanager_sdk.deploy.stacks import (
    Change,
    Event,
    Found,
    Purpose,
    Wanted,
    failures,
    operation,
)
from llmanager_sdk.errors import CloudUnavailable, StackFailed

POLL_S = 3.0
CHANGE_SET_S = 300.0
"""How long CloudFormation may take for a change set."""
BEGIN_S = 60.0
"""How long it may take until what was accepted can be seen."""
STACK_S = 2700.0
"""How long one operation on a stack is followed."""
CURES = (
    (
        re.compile(r"QueueDeletedRecently|wait 60 seconds after deleting a queue"),
        "a queue of that name was deleted less than a minute ago: wait for a minute, then run the "
        "same command again",
    ),
    (
        re.compile(r"attached to entities"),
        "detach the policies of the stack from users, groups and roles (in IAM, Policies, Entities "
        "attached), then run the same command again",
    ),
)
"""What helps against reasons that are not their own cure. Not verified: their words."""
CURE = (
    "correct what the reasons name, then run the same command again: it goes on from what is there"
)
_NOTHING = ("didn't contain changes", "No updates are to be performed")

Say = Callable[[str], None]


def cure(reasons: Iterable[str]) -> str:
    """What to do about a stack that failed."""
    text = "\n".join(reasons)
    return next((hint for words, hint in CURES if words.search(text)), CURE)


@dataclass(frozen=True)
class Proposal:
    """What would change.

    Attributes:
        name: of the change set; empty where nothing would change.
    """

    wanted: Wanted
    found: Found
    name: str
    changes: tuple[Change, ...]


class Operations:
    """What is done to the stacks of one account and region.

    Args:
        clock: for the pauses between two looks.
        say: gets a line for each thing that happens.
    """

    def __init__(self, gateway: CloudFormation, clock: Clock, say: Say) -> None:
        self.gateway = gateway
        self._clock = clock
        self._say = say

    # -- change sets ---------------------------------------------------------------------------

    def propose(
        self, wanted: Wanted, found: Found, kind: Literal["CREATE", "UPDATE"], purpose: Purpose
    ) -> Proposal | None:
        """Make a change set and wait for it; one that a crash left is used if it still can be.

        Returns:
            None: the stack is not what it was any more; look again.

        Raises:
            StackFailed: CloudFormation cannot make it of this template.
        """
        name = wanted.change_set(purpose)
        left = self.gateway.change_set(wanted.name, name) if found.exists else None
        if left is not None and left.execution == "EXECUTE_IN_PROGRESS":
            return None
        if left is not None and not left.usable:
            self.gateway.withdraw(wanted.name, name)
            left = None
        if left is None and not self.gateway.propose(wanted, name, kind):
            return None
        made = self._made(wanted.name, name)
        if made is None:
            return None
        if made.status != "FAILED":
            return Proposal(wanted, found, name, made.changes)
        self.withdraw(wanted.name, name)
        if any(text in made.reason for text in _NOTHING):
            return Proposal(wanted, found, "", ())
        raise StackFailed(
            f"CloudFormation cannot make a change set: {made.reason}",
            resource=wanted.name,
            step="propose",
            hint="correct what it names, then run the same command again",
        )

    def _made(self, stack: str, name: str) -> ChangeSet | None:
        """The change set when it is ready; None if its stack goes, and it with that."""
        began = self._clock.monotonic()
        while True:
            it = self.gateway.change_set(stack, name)
            if it is not None and not it.pending:
                return it
            if it is None and self.gateway.look(stack).status in ("", "DELETE_IN_PROGRESS"):
                return None
            if self._clock.monotonic() > began + (BEGIN_S if it is None else CHANGE_SET_S):
                raise CloudUnavailable(
                    f"the change set {name} was not ready in time",
                    resource=stack,
                    step="propose",
                    hint="run the same command again: it uses what is there, or cleans it up",
                )
            self._clock.sleep(POLL_S)

    def withdraw(self, stack: str, name: str) -> None:
        """Delete a change set; and the stack, if it came into being with it and is empty.

        An empty stack stays while another change set waits: somebody is about to fill it.
        """
        self.gateway.withdraw(stack, name)
        found = self.gateway.look(stack)
        empty = found.status == "REVIEW_IN_PROGRESS"
        if empty and not set(self.gateway.change_sets(stack)) - {name}:
            self.gateway.delete(found)

    # -- carrying out --------------------------------------------------------------------------

    def execute(self, proposal: Proposal) -> Found:
        """Carry a change set out, and follow it to its end.

        Raises:
            StackFailed: with the resources that failed, and why.
            CloudUnavailable: it cannot be carried out any more.
        """
        stack = self.gateway.look(proposal.wanted.name)
        before = self._newest(stack) if stack.exists else ""
        if not (stack.exists and self._accepted(stack, proposal.name)):
            raise CloudUnavailable(
                "the stack was changed by somebody else after the difference was shown",
                resource=proposal.wanted.name,
                step="carry out",
                hint="run the same command again: it shows the new difference",
            )
        return self._judged(stack, "CREATE_COMPLETE", "UPDATE_COMPLETE", since=before)

    def _accepted(self, stack: Found, name: str) -> bool:
        """Whether it is carried out: because we asked, or the try before, or a twin."""
        if self.gateway.execute(stack, name):
            return True
        left = self.gateway.change_set(stack.name, name)
        return left is not None and left.execution.startswith("EXECUTE_")

    def delete(self, stack: Found) -> Found:
        """Delete a stack, and follow that to its end.

        Raises:
            StackFailed: with the resources that could not be deleted, and why.
        """
        before = self._newest(stack)
        self.gateway.delete(stack)
        return self._judged(stack, "DELETE_COMPLETE", since=before)

    def wait(self, stack: Found) -> None:
        """Follow what somebody else began, however it ends."""
        self._follow(stack, "")

    def _newest(self, stack: Found) -> str:
        """The id of the last event: whatever comes after it is new."""
        return next((event.id for event in self.gateway.events(stack.id)), "")

    def _follow(self, stack: Found, since: str) -> tuple[str, list[Event]]:
        """Tell what happens until the operation has ended; how it did, and its events."""
        told: set[str] = set()
        began, begun = self._clock.monotonic(), False
        while True:
            happened = self._happened(stack)
            last = next((event.status for event in happened if event.of_stack), "")
            going = last.endswith("_IN_PROGRESS") and last != "REVIEW_IN_PROGRESS"
            fresh = bool(happened) and since not in {event.id for event in happened}
            begun = begun or going or fresh
            for event in reversed(happened if begun else []):
                if event.id not in told:
                    told.add(event.id)
                    self._say(f"  {event}")
            if begun and last and not going:
                return last, happened
            if not begun and self._vanished(stack):
                return "DELETE_COMPLETE", []  # an empty one may go without a word
            if self._clock.monotonic() > began + (STACK_S if begun else BEGIN_S):
                raise CloudUnavailable(
                    "the end of the operation was not seen"
                    if begun
                    else "the operation was accepted, and has not begun",
                    resource=stack.name,
                    step="follow",
                    hint="it goes on in CloudFormation; run the same command again: it waits",
                )
            self._clock.sleep(POLL_S)

    # A look that gets no answer does not end the waiting.

    def _happened(self, stack: Found) -> list[Event]:
        try:
            return list(operation(self.gateway.events(stack.id)))
        except CloudUnavailable:
            return []

    def _vanished(self, stack: Found) -> bool:
        try:
            return not self.gateway.look(stack.id).exists
        except CloudUnavailable:
            return False

    def _judged(self, stack: Found, *good: str, since: str) -> Found:
        """Follow what has begun; the stack, if that ended well."""
        last, happened = self._follow(stack, since)
        if last not in good:
            reasons = tuple(reversed(failures(happened)))
            error = StackFailed(
                f"the stack ended in {last}: {'; '.join(reasons) or 'nothing says why'}",
                resource=stack.name,
                step="follow",
                hint=cure(reasons),
            )
            error.reasons = reasons
            raise error
        until = self._clock.monotonic() + BEGIN_S  # a description may lag behind the events
        while True:
            found = self.gateway.look(stack.id)
            if found.status in (last, "") or self._clock.monotonic() > until:
                return found
            self._clock.sleep(POLL_S)
