"""What can go wrong on the way, told apart by one question: had the answer begun?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llmanager_sdk.errors import ConfigurationError


class NotReached(Exception):
    """Nobody answered: no byte of an answer came, so the call may be made again."""


class CutOff(Exception):
    """The answer ended before it was whole."""


class TooSlow(Exception):
    """The time between two bytes, or before the first one, was longer than allowed."""


@dataclass(frozen=True)
class Timeouts:
    """In seconds: to connect, before the first byte, and between two bytes.

    Raises:
        ConfigurationError: one of them leaves no time at all.
    """

    connect: float = 5.0
    read: float = 600.0

    def __post_init__(self) -> None:
        if min(self.connect, self.read) <= 0:
            raise ConfigurationError(
                f"a timeout of {min(self.connect, self.read):g} s leaves no time for an answer",
                step="check the arguments",
                hint="write timeout=60, or leave it out",
            )


class Refused(Exception):
    """The server answered with a status that is not success.

    Attributes:
        status: the HTTP status.
        body: what it said.
        retry_after: seconds, where the server said so.
        headers: as they came; AWS says there which error it is.
    """

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body
        self.headers = headers or {}
        after = self.headers.get("Retry-After", "")
        self.retry_after = float(after) if after.isdigit() else None
