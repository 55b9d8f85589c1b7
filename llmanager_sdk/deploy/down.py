"""`llmanager destroy --stack`: look, make a list, ask, and carry it out in its order.

Whoever comes after a crash looks again: what is gone is not in the new list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from llmanager_sdk.aws.answers import missing, said
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.reaper import LAMBDA
from llmanager_sdk.aws.rowless import condemn
from llmanager_sdk.aws.stack import stack_name
from llmanager_sdk.core import verbs
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.ports import Kind
from llmanager_sdk.core.sweep import Cleaner, sweep
from llmanager_sdk.deploy.inventory import describe, find, look
from llmanager_sdk.deploy.operations import POLL_S, Operations, Say
from llmanager_sdk.deploy.survey import (
    Act,
    Choice,
    DropTable,
    EndReaper,
    RemoveStack,
    StopAll,
    Survey,
    leave_to_others,
    plan,
    remains,
)
from llmanager_sdk.errors import CloudUnavailable, NotAllowed
from llmanager_sdk.registry.rows import every_slot

STOP_S = 4500.0
"""An endpoint may be creating for 45 minutes, which cannot be stopped; then calls end."""
TABLE_S = 600.0
Confirm = Callable[[bool], bool]
"""Asked once, with whether data will be lost."""


@dataclass(frozen=True)
class Ended:
    """What was done, and what is left.

    Attributes:
        agreed: somebody said yes, or there was nothing to ask.
    """

    agreed: bool
    done: tuple[Act, ...]
    left: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self) | {"done": list(map(str, self.done)), "left": list(self.left)}


class Destroyer:
    """Takes a namespace's stack away, and with it what a person says.

    Args:
        platform: whose.
        say: gets each line that a person reads.
        confirm: asks a person.
    """

    def __init__(
        self, platform: AwsPlatform, operations: Operations, say: Say, confirm: Confirm
    ) -> None:
        self._platform = platform
        self._operations = operations
        self._say = say
        self._confirm = confirm
        engine = platform.keeper.engine
        self._engine = engine
        self._clock = engine.clock
        self._cleaner: Cleaner[Kind] = Cleaner(
            engine.registry, engine.kinds, engine.clock, me=engine.me
        )

    def destroy(self, choice: Choice) -> Ended:
        """Do what the list says, once somebody agrees.

        Raises:
            NotAllowed, NameTaken, NewerSchema: nothing was done.
            StackFailed, CloudUnavailable, ...: it goes on when the same command is run again.
        """
        survey = look(self._platform, self._operations.gateway)
        acts = plan(survey, choice)
        if acts:
            for act in acts:
                self._say(f"  {act}")
            if not self._confirm(any(isinstance(act, DropTable) for act in acts)):
                self._say("Nothing was done.")
                return Ended(False, (), ())
        try:
            for act in acts:
                self._carry_out(act, choice)
            left = self._check(choice, acts)
        except KeyboardInterrupt as stop:
            stop.add_note("What has begun goes on; run the same command again to do the rest.")
            raise
        return Ended(True, acts, tuple(remains(left)))

    def _carry_out(self, act: Act, choice: Choice) -> None:
        match act:
            case StopAll():
                self._stop_all(choice.force)
            case DropTable(name):
                self._drop(name)
            case RemoveStack(name):
                self._remove(name)
            case EndReaper():
                self._end_reaper()

    def _check(self, choice: Choice, acts: tuple[Act, ...]) -> Survey:
        """A last look: who found the reaper alive a moment ago may have created something.

        Such a one wrote its row before it looked for a reaper, so that it is seen now.
        """
        survey = look(self._platform, self._operations.gateway)
        if survey.running and acts and choice.resources == "stop":
            self._stop_all(choice.force)
            survey = look(self._platform, self._operations.gateway)
        if survey.running:
            raise NotAllowed(
                f"created while the stack went, and now without a reaper: "
                f"{', '.join(survey.running)}",
                resource=survey.namespace,
                step="destroy",
                hint="end what uses it, then: llmanager destroy --stack --resources stop",
            )
        return survey

    # -- resources -----------------------------------------------------------------------------

    def _stop_all(self, force: bool) -> None:
        """Ask every life to go, and sweep until all are gone: the same sweep as the reaper's."""
        until = self._clock.monotonic() + STOP_S
        told: set[str] = set()
        while running := (survey := look(self._platform, self._operations.gateway)).running:
            if self._clock.monotonic() > until:
                raise CloudUnavailable(
                    f"still there after {STOP_S / 60:.0f} minutes: {', '.join(running)}",
                    resource=survey.namespace,
                    step="stop",
                    hint="somebody may be using it again and again: end that first, then run the "
                    "same command again",
                )
            for stray in survey.strays:
                if stray.ours:
                    condemn(self._engine.registry, stray, self._clock.time(), self._engine.me)
            self._sweep(force)
            while self._going(told) and self._clock.monotonic() <= until:
                self._clock.sleep(self._platform.endpoints.timing.poll)
                self._sweep(force)

    def _sweep(self, force: bool) -> None:
        for slot in every_slot(self._engine.registry):
            live = [x for x in slot.lives if x.phase in ("creating", "ready")]
            if any(not x.stop or (force and not x.force) for x in live):
                run(verbs.stop(self._engine, slot.key, force=force), self._clock)
        run(sweep(self._cleaner, self._platform.settings.namespace), self._clock)

    def _going(self, told: set[str]) -> bool:
        """Whether a row still says that something is there; each state of it is told once."""
        going = [
            f"{slot.key} ({life.phase})"
            for slot in every_slot(self._engine.registry)
            for life in slot.lives
            if life.phase != "gone"
        ]
        for each in going:
            if each not in told:
                self._say(f"  waiting for {each}")
        told.update(going)
        return bool(going)

    # -- data ----------------------------------------------------------------------------------

    def _drop(self, table: str) -> None:
        """Off with the protection, then the table: whichever of the two its state allows."""
        client = self._platform.account.client("dynamodb")
        until = self._clock.monotonic() + TABLE_S
        while (found := describe(self._platform, table)) is not None:
            try:
                if found["TableStatus"] != "ACTIVE":
                    pass
                elif found.get("DeletionProtectionEnabled"):
                    client.update_table(TableName=table, DeletionProtectionEnabled=False)
                else:
                    client.delete_table(TableName=table)
            except Exception as error:
                if said(error).code != "ResourceInUseException" and not missing(error):
                    raise translate(error, resource=table, step="delete the table") from error
            if self._clock.monotonic() > until:
                raise CloudUnavailable(
                    f"the table is still {found['TableStatus']} after {TABLE_S / 60:.0f} minutes",
                    resource=table,
                    step="delete the table",
                    hint="run the same command again",
                )
            self._clock.sleep(POLL_S)
        self._say(f"  deleted the table {table}; AWS keeps a backup of it for 35 days")

    # -- stacks --------------------------------------------------------------------------------

    def _remove(self, name: str) -> None:
        """Delete a stack; from before that on nobody counts on its Lambda, however it ends.

        A sweep that is under way meanwhile may say that the Lambda lives, so that its heartbeat is
        ended once more when it is gone; a Lambda that was left says it again by itself. The switch
        is no means here: it outlives this process, and no reaper deletes anything under it.
        """
        if name != stack_name(self._platform.settings.namespace):
            self._delete(name)
            return
        self._end_reaper()
        try:
            self._delete(name)
        finally:
            self._end_reaper()

    def _end_reaper(self) -> None:
        self._platform.beats.end(LAMBDA)

    def _delete(self, name: str) -> None:
        gateway = self._operations.gateway
        found = find(name, gateway)
        while found.status.endswith("_IN_PROGRESS") and found.status != "REVIEW_IN_PROGRESS":
            self._say(f"{name} is in {found.status}; waiting for its end")
            self._operations.wait(found)
            self._clock.sleep(POLL_S)
            found = find(name, gateway)
        leave_to_others(self._platform.settings.namespace, found)
        if found.exists:
            self._operations.delete(found)
