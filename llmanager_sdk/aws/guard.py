"""What bounds the worst case: a living reaper, and a cap on $/h.

A heartbeat is an item in the registry's table, beside the slots and outside their scan:

    pk       the namespace with "#reaper"
    sk       the source: "lambda", or "watch@host"
    expires  seconds since the epoch; 3 sweeps after the last one
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from llmanager_sdk.aws.faults import missing, translate
from llmanager_sdk.core.life import Life
from llmanager_sdk.core.ports import Clock, Registry
from llmanager_sdk.errors import LLManagerError, NotAllowed

SWEEP_S = 300.0
"""Between two sweeps."""
BEATS = 3
"""After so many sweeps without a word a reaper counts as dead."""


class Beat(NamedTuple):
    """A reaper that swept lately."""

    source: str
    expires: float


class Heartbeats:
    """Who reaps in a namespace.

    Args:
        table: the registry's.
        client: of boto3, for "dynamodb".
        ensure: makes the table, if it is not there.
    """

    def __init__(
        self, table: str, namespace: str, client: Any, clock: Clock, ensure: Callable[[], None]
    ) -> None:
        self._table = table
        self._ensure = ensure
        self._pk = f"{namespace}#reaper"
        self._client = client
        self._clock = clock

    def beat(self, source: str, sweep_s: float = SWEEP_S) -> None:
        """A sweep is done. An earlier time never replaces a later one."""
        expires = self._clock.time() + BEATS * sweep_s
        try:
            try:
                self._write(source, expires)
            except self._client.exceptions.ResourceNotFoundException:
                self._ensure()
                self._write(source, expires)
        except self._client.exceptions.ConditionalCheckFailedException:
            return
        except LLManagerError:
            raise
        except Exception as error:
            raise translate(error, resource=source, step="record the heartbeat") from error

    def _write(self, source: str, expires: float) -> None:
        self._client.update_item(
            TableName=self._table,
            Key={"pk": {"S": self._pk}, "sk": {"S": source}},
            UpdateExpression="SET expires = :at",
            ConditionExpression="attribute_not_exists(expires) OR expires < :at",
            ExpressionAttributeValues={":at": {"N": repr(expires)}},
        )

    def end(self, source: str) -> None:
        """This reaper stops for good: others must not count on it."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={"pk": {"S": self._pk}, "sk": {"S": source}},
                ConditionExpression="attribute_exists(pk)",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return
        except Exception as error:
            raise translate(error, resource=source, step="end the heartbeat") from error

    def living(self) -> list[Beat]:
        """Those whose time has not run out; strongly consistent."""
        try:
            found = self._client.query(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": self._pk}},
            )["Items"]
        except Exception as error:
            if missing(error):
                return []
            raise translate(error, step="look for a reaper") from error
        beats = [Beat(item["sk"]["S"], float(item["expires"]["N"])) for item in found]
        return [beat for beat in beats if beat.expires > self._clock.time()]


def need_reaper(living: list[Beat], key: str) -> None:
    """Refuse to create what nobody would delete.

    Raises:
        NotAllowed: no reaper lives.
    """
    if not living:
        raise NotAllowed(
            "nothing that costs money is created while no reaper lives: nobody would delete it",
            resource=key,
            step="plan",
            hint="run `llmanager reap --watch` in a terminal or a container that stays up",
        )


def spending(registry: Registry) -> Iterator[tuple[str, Life]]:
    """All lives that cost money now, or may; from a consistent scan."""
    cursor = ""
    while True:
        page = registry.scan(cursor)
        for slot in page.slots:
            yield from ((slot.key, life) for life in slot.lives if life.phase != "gone")
        cursor = page.cursor
        if not cursor:
            return


def need_room(lives: list[tuple[str, Life]], life: Life, cap: float) -> float:
    """Refuse a life that would take the namespace over its cap.

    Two creators at once both see each other's row, so that one of them or both withdraw.

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
            hint="stop something (`llmanager ls`), take a smaller instance_type, or raise the "
            "cap: cap in llmanager.toml, or LLMANAGER_CAP",
        )
    return total
