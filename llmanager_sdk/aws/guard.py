"""What bounds the worst case: a living reaper, and a cap on $/h."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from llmanager_sdk.aws.faults import translate
from llmanager_sdk.aws.reaper import LAMBDA, SWEEP_S, SWITCH, Heartbeats
from llmanager_sdk.aws.stack import DEFAULT_CAP
from llmanager_sdk.core.life import Life
from llmanager_sdk.core.ports import Clock, Registry
from llmanager_sdk.errors import LLManagerError, NotAllowed
from llmanager_sdk.registry.rows import every_slot

CHANGED = "attribute_not_exists(off_by) OR off_by <> :by"
"""The switch is turned by whoever comes last.

    A turns it off (it was on: lands) ... B turns it on (it was off: lands)
    A turns it off again ............... (B was faster: fails, and nothing was to be done)
"""


class Beat(NamedTuple):
    """A reaper, and until when it counts as alive."""

    source: str
    expires: float


class Words(NamedTuple):
    """What each reaper said last, dead ones included: its attributes, as text."""

    said: Mapping[str, Mapping[str, str]]

    def get(self, source: str, what: str) -> str:
        """One attribute, or "" if it was never said."""
        return self.said.get(source, {}).get(what, "")

    @property
    def off_by(self) -> str:
        """Who switched the reapers off."""
        return self.get(SWITCH, "off_by")

    def living(self, now: float) -> list[Beat]:
        """Those that count as alive; none does while they are off."""
        told = [Beat(each, float(self.get(each, "expires") or 0.0)) for each in self.said]
        return [] if self.off_by else [beat for beat in told if beat.expires > now]


class Reapers(Heartbeats):
    """Who reaps in a namespace, for clients: makes the table, types errors, turns the switch.

    Args:
        table: the registry's.
        client: of boto3, for "dynamodb".
        ensure: makes the table, if it is not there.
    """

    def __init__(
        self, table: str, namespace: str, client: Any, clock: Clock, ensure: Callable[[], None]
    ) -> None:
        super().__init__(table, namespace, client, clock)
        self._ensure = ensure

    def words(self) -> Words:
        """What they said last."""
        return Words(self.read())

    def read(self) -> dict[str, dict[str, str]]:
        """Strongly consistent."""
        with _typed("look for a reaper"):
            return super().read()

    def beat(self, source: str, sweep_s: float = SWEEP_S, cursor: str = "") -> None:
        """A sweep is done. The first word makes the table."""
        self._say("record the heartbeat", lambda: self._write(source, sweep_s, cursor))

    def _say(self, step: str, write: Callable[[], object]) -> None:
        """Make the table if need be; where the condition is not met, nothing is to be done."""
        errors = self._client.exceptions
        with _typed(step), suppress(errors.ConditionalCheckFailedException):
            try:
                write()
            except errors.ResourceNotFoundException:
                self._ensure()
                write()

    def living(self) -> list[Beat]:
        """Reapers that count as alive; none does while they are off."""
        return self.words().living(self._clock.time())

    def end(self, source: str) -> None:
        """This reaper stops for good: others must not count on it.

        One that goes on sweeping says by itself that it lives, at its next sweep.
        """
        condition = {"ConditionExpression": "attribute_exists(pk)"}
        errors = self._client.exceptions
        silent = (errors.ConditionalCheckFailedException, errors.ResourceNotFoundException)
        with _typed("end the heartbeat"), suppress(*silent):
            self._client.delete_item(**self._item(source), **condition)

    def switch(self, off_by: str) -> None:
        """Turn all reapers of the namespace off, or on again.

        Args:
            off_by: whose word that is, for the others; empty for "on".
        """
        self._say(
            "turn the switch",
            lambda: self._client.update_item(
                **self._item(SWITCH),
                UpdateExpression="SET off_by = :by",
                ConditionExpression=CHANGED,
                ExpressionAttributeValues={":by": {"S": off_by}},
            ),
        )


@contextmanager
def _typed(step: str) -> Iterator[None]:
    try:
        yield
    except LLManagerError:
        raise
    except Exception as error:
        raise translate(error, step=step) from error


def need_reaper(words: Words, now: float, key: str, *, going: bool = False) -> list[Beat]:
    """Refuse to create what nobody would delete.

    Args:
        going: the stack is being deleted. Its Lambda may have said a moment ago that it lives, in
            a sweep that was under way, and is not counted on.

    Returns:
        The reapers that live.

    Raises:
        NotAllowed: none does, or all are switched off.
    """
    if words.off_by:
        raise NotAllowed(
            f"nothing that costs money is created while the reapers are off ({words.off_by})",
            resource=key,
            step="plan",
            hint="turn them on again: `llmanager reap --on`",
        )
    alive = [beat for beat in words.living(now) if not (going and beat.source == LAMBDA)]
    if not alive:
        raise NotAllowed(
            "nothing that costs money is created while no reaper lives: nobody would delete it",
            resource=key,
            step="plan",
            hint="run `llmanager deploy`, which sets one up in the account, or `llmanager reap "
            "--watch` in a terminal or a container that stays up; a stack that was made in the "
            "console sweeps within 5 minutes",
        )
    return alive


def spending(registry: Registry) -> Iterator[tuple[str, Life]]:
    """All lives that cost money now, or may; from a consistent scan."""
    for slot in every_slot(registry):
        yield from ((slot.key, life) for life in slot.lives if life.phase != "gone")


def need_room(lives: list[tuple[str, Life]], life: Life, cap: float, *, unseen: str = "") -> float:
    """Refuse a life that would take the namespace over its cap.

    Two creators at once both see each other's row, so that one of them or both withdraw.

    Args:
        unseen: why the stack could not be looked at, which says what the cap is.

    Returns:
        What all of them cost at worst, $/h, this one included.

    Raises:
        NotAllowed: it is more than the cap.
    """
    others = sum(x.price for _, x in lives if x.names != life.names)
    total = others + life.price
    if total > cap:
        raise NotAllowed(
            f"{life.spec.key} may cost {life.price:.2f} $/h, {others:.2f} $/h are spent already, "
            f"and the cap of this namespace is {cap:.2f} $/h",
            resource=life.spec.key,
            step="plan",
            hint="stop something (`llmanager ls`), take a smaller instance_type, or "
            + _more(unseen),
        )
    return total


def _more(unseen: str) -> str:
    """How more may be spent."""
    if unseen:
        return (
            "allow this caller cloudformation:DescribeStacks: who cannot read the cap of the stack "
            f"has {DEFAULT_CAP:g} $/h, less if the settings say less"
        )
    return (
        "raise the cap: `llmanager deploy --cap 10`, for everybody; cap in llmanager.toml "
        "(LLMANAGER_CAP), where it is set, only lowers that"
    )
