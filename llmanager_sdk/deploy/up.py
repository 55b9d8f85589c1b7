"""`llmanager deploy` and `llmanager diff`: propose, show, ask, carry out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from llmanager_sdk.aws.stack import outdated, stack_name
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.deploy import floor
from llmanager_sdk.deploy.operations import POLL_S, STACK_S, Operations, Proposal, Say
from llmanager_sdk.deploy.stacks import (
    Await,
    Found,
    Options,
    Propose,
    Purpose,
    Remake,
    check,
    moved,
    next_step,
    wanted,
)
from llmanager_sdk.deploy.templates import NAMES, Name, template
from llmanager_sdk.errors import CloudUnavailable, LLManagerError, StackFailed
from llmanager_sdk.version import VERSION

Ask = Callable[[str], bool]


@dataclass(frozen=True)
class Outcome:
    """What was shown, and what came of it.

    Attributes:
        done: everything is as it was asked for.
        changed: something was carried out.
    """

    done: bool
    changed: bool
    proposals: tuple[Proposal, ...]
    stacks: tuple[Found, ...]
    bill: tuple[floor.Item, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        after = {each.name: each for each in self.stacks}
        return {
            "done": self.done,
            "changed": self.changed,
            "stacks": [
                {
                    "name": each.wanted.name,
                    "status": after.get(each.wanted.name, each.found).status,
                    "changes": [asdict(change) for change in each.changes],
                    "parameters": dict(each.wanted.parameters),
                    "outputs": dict(after.get(each.wanted.name, each.found).outputs),
                }
                for each in self.proposals
            ],
            "floor": [asdict(item) for item in self.bill],
            "floor_total": round(sum(item.dollars for item in self.bill), 4),
        }


class Deployer:
    """Brings the stacks of a namespace to what was asked for.

    Args:
        namespace: whose.
        say: gets each line that a person reads.
        ask: gets a question, and answers it.
        version: of this SDK.
        templates: the text of each.
    """

    def __init__(
        self,
        operations: Operations,
        clock: Clock,
        namespace: str,
        say: Say,
        ask: Ask,
        version: str = VERSION,
        templates: Callable[[Name], str] = template,
    ) -> None:
        self._operations = operations
        self._clock = clock
        self._namespace = namespace
        self._say = say
        self._ask = ask
        self._version = version
        self._templates = templates

    def diff(self, options: Options) -> Outcome:
        """What `deploy` would change. Nothing is left of it."""
        made: list[Proposal] = []
        try:
            self._propose_all(options, "diff", made)
            bill = self._show(made)
        finally:
            for each in made:
                self._withdraw(each)
        return Outcome(True, False, tuple(made), (), tuple(bill))

    def deploy(self, options: Options) -> Outcome:
        """Propose, show, ask, carry out. That nothing would change is success.

        Raises:
            StackFailed, NotAllowed, NameTaken, PermissionMissing, ...: with what to do next.
        """
        made: list[Proposal] = []
        try:
            if not self._propose_all(options, "deploy", made):
                return self._not_done(made)
            bill = tuple(self._show(made))
            due = [each for each in made if each.name]
            if due and not self._ask("Carry this out?"):
                return self._not_done(made)
        except (KeyboardInterrupt, LLManagerError):
            with suppress(CloudUnavailable):  # what is left then, the next one finds
                self._not_done(made)
            raise
        stacks = tuple(self._carry_out(each) for each in made)
        return Outcome(True, bool(due), tuple(made), stacks, bill)

    def _propose_all(self, options: Options, purpose: Purpose, made: list[Proposal]) -> bool:
        """One proposal a stack; False if one can only be deleted, and nobody agreed to that."""
        for which in self._which(options):
            base = made[0].wanted.parameters if made else None
            proposal = self._proposed(which, options, purpose, base)
            if proposal is not None:
                made.append(proposal)
            elif purpose == "deploy":
                return False
        return True

    def _not_done(self, made: list[Proposal]) -> Outcome:
        for each in made:
            self._withdraw(each)
        self._say("Nothing was deployed.")
        return Outcome(False, False, tuple(made), (), ())

    # -- before --------------------------------------------------------------------------------

    def _which(self, options: Options) -> Iterator[Name]:
        """The stacks that are brought up to date: the second one too, if it is there."""
        yield "template"
        alarms = stack_name(self._namespace, "alarms")
        if options.alarms or self._operations.gateway.look(alarms).exists:
            yield "alarms"

    def _proposed(
        self, which: Name, options: Options, purpose: Purpose, base: Mapping[str, str] | None
    ) -> Proposal | None:
        """A change set for the stack as it is when nothing goes on with it any more.

        None where it can only be deleted and made anew, and nobody agreed to that.
        """
        name = stack_name(self._namespace, which)
        kept: dict[str, str] = {}
        until = self._clock.monotonic() + STACK_S
        while self._clock.monotonic() < until:
            found = self._operations.gateway.look(name)
            check(self._namespace, self._version, found, force=options.force)
            kept |= _given(found)  # of one that goes, too: this one takes its place
            match next_step(found):
                case Await(status):
                    self._say(f"{name} is in {status}; waiting for its end")
                    self._operations.wait(found)
                case Remake(status):
                    self._say(f"{name} is in {status}: it can only be deleted and made anew")
                    for parameter, value in kept.items():
                        self._say(f"  it was made with {parameter}: {value}")
                    if purpose == "diff" or not self._ask(f"Delete {name} and make it anew?"):
                        return None
                    self._operations.delete(found)
                case Propose(kind):
                    if which == "template" and (note := outdated(found.outputs, self._version)):
                        self._say(f"Note: {note}")
                    aim = wanted(
                        self._namespace,
                        which,
                        self._templates(which),
                        self._version,
                        options,
                        found,
                        {**(base or {}), **kept},
                    )
                    made = self._operations.propose(aim, found, kind, purpose)
                    if made is not None:
                        return made
            self._clock.sleep(POLL_S)
        raise CloudUnavailable(
            "the stack is being changed again and again",
            resource=name,
            step="propose",
            hint="find out who else deploys it, then run the same command again",
        )

    def _show(self, made: list[Proposal]) -> list[floor.Item]:
        for each in made:
            changed = moved(each.wanted, each.found)
            if not each.name and changed:
                raise _unseen(each, changed)
            if not each.name:
                self._say(f"{each.wanted.name}: nothing would change")
                continue
            self._say(f"{each.wanted.name}: {'change' if each.found.settled else 'create'}")
            for text in (*map(str, each.changes), *changed):
                self._say(f"  {text}")
        texts = {each.wanted.name: each.wanted for each in made}
        core, alarms = (texts.get(stack_name(self._namespace, which)) for which in NAMES)
        if core is None:
            return []
        bill = floor.floor(core.template, alarms.template if alarms else "", core.parameters)
        self._say("While no model runs, it costs:")
        for text in floor.lines(bill):
            self._say(text)
        return bill

    # -- after ---------------------------------------------------------------------------------

    def _withdraw(self, proposal: Proposal) -> None:
        if proposal.name:
            self._operations.withdraw(proposal.wanted.name, proposal.name)

    def _carry_out(self, proposal: Proposal) -> Found:
        if not proposal.name:
            return proposal.found
        self._say(f"{proposal.wanted.name}:")
        try:
            return self._operations.execute(proposal)
        except KeyboardInterrupt as stop:
            stop.add_note(
                "It goes on in CloudFormation; run `llmanager deploy` again to see how it ends."
            )
            raise


def _given(found: Found) -> dict[str, str]:
    """The parameters that say something: an empty one is as good as none, and so makes no other
    change set."""
    return {name: value for name, value in found.parameters.items() if value}


def _unseen(proposal: Proposal, changed: list[str]) -> StackFailed:
    """Parameters that only outputs use may be no change to CloudFormation: that is no success."""
    return StackFailed(
        f"CloudFormation sees nothing to change, and yet it should: {'; '.join(changed)}",
        resource=proposal.wanted.name,
        step="propose",
        hint="install the newest SDK and deploy again: its template makes this a change",
    )
