"""Calls to DynamoDB that are tried again: what may be, how long, and with which pauses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from llmanager_sdk.core.ports import Clock
from llmanager_sdk.dynamodb_table import code, typed
from llmanager_sdk.errors import StoreError, StoreNotWritable

PATIENCE_S = 60.0
"""How long one step is tried before its error is raised."""
FIRST_S = 0.02
LONGEST_S = 1.0
"""The longest pause; each is drawn evenly from nothing to its bound, and the bound doubles."""

_PASSING = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
}
_PASSING_REASONS = {"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}

_KEYS = re.compile(
    r"key element|key schema|conditions on the keys|key condition|missing the key", re.I
)

Result = TypeVar("Result")


class Moved(Exception):
    """A condition failed: what was read is not there any more. Never leaves the history."""


def missing(error: ClientError) -> bool:
    """Whether there is no such table."""
    return code(error) == "ResourceNotFoundException"


def reasons(error: ClientError) -> set[str]:
    """Why a transaction was cancelled; empty for any other error."""
    given: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", [])
    return {str(each.get("Code", "None")) for each in given} - {"None"}


def passing(error: BaseException) -> bool:
    """Whether the same call may succeed later: throttling, conflicts, silence.

    After silence it is not known whether the call took effect, so only calls that may be repeated
    may be tried again.
    """
    if isinstance(error, ClientError):
        if code(error) == "TransactionCanceledException":
            return bool(why := reasons(error)) and why <= _PASSING_REASONS
        return code(error) in _PASSING
    return isinstance(error, boto.HTTPClientError | boto.ConnectionError)


def foreign(error: BaseException) -> bool:
    """Whether the table has other keys than ours: something else made it under our name."""
    return isinstance(error, ClientError) and bool(
        code(error) == "ValidationException" and _KEYS.search(str(error))
    )


def failed(error: ClientError) -> bool:
    """Whether a condition of the call, or of one action of its transaction, was not met."""
    return code(error) == "ConditionalCheckFailedException" or "ConditionalCheckFailed" in reasons(
        error
    )


class Patience:
    """Pauses with full jitter, until the time is over.

    Args:
        clock: shows the time, and pauses.
        random: a number from 0 to below 1, drawn for each pause.
        session: for the message of the error.
        step: what is being tried.
        error: the class that is raised.
    """

    def __init__(
        self,
        clock: Clock,
        random: Callable[[], float],
        session: str,
        step: str,
        error: type[StoreError] = StoreNotWritable,
    ) -> None:
        self._clock = clock
        self._random = random
        self._session = session
        self._step = step
        self._error = error
        self._until = clock.monotonic() + PATIENCE_S
        self._bound = FIRST_S

    def pause(self, why: str) -> None:
        """Wait a little.

        Raises:
            StoreError: of the class given, once the time is over.
        """
        if self._clock.monotonic() > self._until:
            raise self._error(
                f"the history was busy for {PATIENCE_S:.0f} s: {why}",
                resource=self._session,
                step=self._step,
                hint="try again: what was not told to be done may be repeated",
            )
        self._clock.sleep(self._random() * self._bound)
        self._bound = min(2 * self._bound, LONGEST_S)

    def insist(self, call: Callable[[], Result]) -> Result:
        """Make a call that may be repeated, again and again while its errors pass.

        Raises:
            Moved: a condition was not met.
            ClientError: there is no such table.
            StoreError: of the class given; refused, or the time is over.
        """
        while True:
            try:
                return call()
            except (ClientError, BotoCoreError) as error:
                if isinstance(error, ClientError):
                    if missing(error):
                        raise
                    if failed(error):
                        raise Moved("somebody else was first") from error
                last: ClientError | BotoCoreError = error
            if foreign(last):
                raise self._error(
                    "the table of chat histories was made by something else: it has other keys",
                    resource=self._session,
                    step=self._step,
                    hint="choose another namespace, as LLMANAGER_NAMESPACE or in llmanager.toml",
                ) from last
            with typed(self._error, "the history", self._session, self._step):
                if not passing(last) or self._clock.monotonic() > self._until:
                    raise last
            self.pause(str(last))
