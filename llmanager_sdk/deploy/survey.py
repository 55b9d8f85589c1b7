"""What there is in a namespace, and what destroying its stack has to do about it. Pure.

`inventory` looks; `down` carries the list out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from llmanager_sdk.aws.rowless import Stray
from llmanager_sdk.deploy.stacks import Found
from llmanager_sdk.errors import NameTaken, NewerSchema, NotAllowed

STORED = 0.25
"""$ for a GB and month in DynamoDB; unverified: `docs/facts.md`, "prices"."""
LOGGED = 0.03
"""$ for a GB and month in CloudWatch Logs; unverified as well."""


def counted(number: int, what: str) -> str:
    """So many of them, as people write it."""
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Choice:
    """What is to become of what the stack does not hold.

    Attributes:
        resources: "stop" ends every model; "" refuses while there is one.
        data: "keep" leaves the tables, "delete" deletes them; "" refuses while they hold anything.
        force: open calls are not waited for.
    """

    resources: Literal["", "stop"] = ""
    data: Literal["", "keep", "delete"] = ""
    force: bool = False


@dataclass(frozen=True)
class Live:
    """A life that is not gone."""

    key: str
    gen: int
    phase: str
    price: float

    def __str__(self) -> str:
        return f"{self.key} ({self.phase}, at most {self.price:.2f} $/h)"


@dataclass(frozen=True)
class Table:
    """A table of the namespace.

    Attributes:
        label: "history" or "registry".
        holds: what is in it, for people; empty if nothing.
        ours: its tag says that llmanager made it.
    """

    name: str
    label: str
    holds: str
    size: int
    ours: bool

    @property
    def cost(self) -> str:
        """What keeping it costs."""
        return f"{self.size * STORED / 1e9:.2f} $ a month (unverified price)"


@dataclass(frozen=True)
class Survey:
    """Everything in a namespace, as found at one moment.

    Attributes:
        stacks: in the order of their deletion.
        twins: lives that ended, and whose parts are there again.
        unreadable: keys of rows that this version cannot read.
        off_by: who switched the reapers off.
        watchers: `llmanager reap --watch` that go on somewhere.
        beating: the Lambda's last word still counts.
        log_groups, log_size: of endpoints that were; None: this caller may not look.
    """

    namespace: str
    stacks: tuple[Found, ...] = ()
    live: tuple[Live, ...] = ()
    twins: tuple[str, ...] = ()
    strays: tuple[Stray, ...] = ()
    tables: tuple[Table, ...] = ()
    unreadable: tuple[str, ...] = ()
    off_by: str = ""
    watchers: tuple[str, ...] = ()
    beating: bool = False
    log_groups: int | None = 0
    log_size: int = 0

    @property
    def running(self) -> list[str]:
        """What costs money now, or may, and is ours."""
        ours = [f"{each.name}, which no row knows" for each in self.strays if each.ours]
        again = [f"{key}, which is up again" for key in self.twins]
        return [*map(str, self.live), *again, *ours]


# -- the list --------------------------------------------------------------------------------------


class StopAll(NamedTuple):
    """End every model, and wait until all are gone."""

    what: tuple[str, ...]

    def __str__(self) -> str:
        return f"stop {', '.join(self.what)}, and wait until all are gone"


class DropTable(NamedTuple):
    """Take off its protection, and delete it."""

    name: str
    holds: str

    def __str__(self) -> str:
        return f"delete the table {self.name} with {self.holds or 'nothing in it'}"


class RemoveStack(NamedTuple):
    """Delete it."""

    name: str

    def __str__(self) -> str:
        return f"delete the stack {self.name}"


class EndReaper(NamedTuple):
    """The Lambda is gone: nobody must count on it."""

    def __str__(self) -> str:
        return "tell everybody that the stack's reaper is gone"


Act = StopAll | DropTable | RemoveStack | EndReaper


def plan(survey: Survey, choice: Choice) -> tuple[Act, ...]:
    """What is done, in this order: the resources while their reaper lives, the data, the stack.

    Raises:
        NotAllowed: something is there, and nobody said what is to become of it.
        NameTaken: a stack of that name is somebody else's.
        NewerSchema: rows cannot be read, so that nobody knows what they cost.
    """
    _refuse(survey)
    if objections := [*_running(survey, choice), *_data(survey, choice)]:
        raise NotAllowed(
            f"the namespace {survey.namespace} is in use: {'; '.join(x for x, _ in objections)}",
            resource=survey.namespace,
            step="destroy",
            hint="say what is to become of it: llmanager destroy --stack "
            + " ".join(x for _, x in objections),
        )
    acts: list[Act] = []
    if running := survey.running:
        acts.append(StopAll(tuple(running)))
    drop = [each for each in survey.tables if choice.data == "delete" and each.ours]
    acts += [DropTable(each.name, each.holds) for each in drop]
    acts += [RemoveStack(each.name) for each in survey.stacks]
    kept = [each for each in survey.tables if each not in drop]
    if (survey.stacks or survey.beating) and any(x.label == "registry" for x in kept):
        acts.append(EndReaper())
    return tuple(acts)


def leave_to_others(namespace: str, stack: Found) -> None:
    """Refuse to delete a stack that is not ours.

    Raises:
        NameTaken: it is somebody else's.
    """
    if not stack.is_of(namespace):
        raise NameTaken(
            f"llmanager did not make the stack {stack.name} for {namespace}",
            resource=stack.name,
            step="destroy",
            hint="it was left as it is",
        )


def _refuse(survey: Survey) -> None:
    for stack in survey.stacks:
        leave_to_others(survey.namespace, stack)
        if stack.protected:
            raise NotAllowed(
                f"somebody protected the stack {stack.name} against deletion",
                resource=stack.name,
                step="destroy",
                hint="aws cloudformation update-termination-protection "
                f"--no-enable-termination-protection --stack-name {stack.name}",
            )
    if survey.unreadable:
        raise NewerSchema(
            f"these rows cannot be read by this version: {', '.join(survey.unreadable)}",
            resource=survey.namespace,
            step="destroy",
            hint="install the newest SDK: pip install -U llmanager-sdk",
        )


def _running(survey: Survey, choice: Choice) -> list[tuple[str, str]]:
    if survey.running and survey.off_by:
        return [(f"its reapers are off ({survey.off_by})", "(after `llmanager reap --on`)")]
    if survey.running and not choice.resources:
        return [(f"these run: {', '.join(survey.running)}", "--resources stop")]
    return []


def _data(survey: Survey, choice: Choice) -> list[tuple[str, str]]:
    full = [f"{each.name} holds {each.holds}" for each in survey.tables if each.holds]
    return [(", ".join(full), "--data keep|delete")] if full and not choice.data else []


def remains(survey: Survey) -> list[str]:
    """What is left after all that was to go is gone, and what it costs."""
    told = [
        f"the table {each.name}: {each.holds or 'empty'}; {each.cost}"
        + ("" if each.ours else "; it does not bear the tag of llmanager, and was left alone")
        for each in survey.tables
    ]
    told += [
        f"{each}; llmanager did not make it, and left it alone"
        for each in survey.strays
        if not each.ours
    ]
    told += [f"{each}, which goes on until somebody ends it" for each in survey.watchers]
    if survey.log_groups is None:
        told.append("log groups of endpoints, perhaps: this caller may not look (logs)")
    elif survey.log_groups:
        cost = survey.log_size * LOGGED / 1e9
        told.append(
            f"{counted(survey.log_groups, 'log group')} /aws/sagemaker/Endpoints/"
            f"llm-{survey.namespace}-*: "
            f"{cost:.2f} $ a month (unverified price)"
        )
    return told
