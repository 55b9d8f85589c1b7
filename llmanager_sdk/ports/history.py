"""Where chat histories are kept: sessions of ordered messages. Times in seconds since the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Stored(NamedTuple):
    """One message as it is kept.

    Attributes:
        id: unique in its session: a second message of the same id is the same message.
        body: JSON text.
    """

    id: str
    body: str


@dataclass(frozen=True)
class SessionInfo:
    """What is known of a session without reading it.

    Attributes:
        messages: how many it holds.
        expires_at: when it ends; None for never.
    """

    id: str
    messages: int
    created_at: float
    updated_at: float
    expires_at: float | None


class HistoryStore(Protocol):
    """All sessions of one namespace. Reading never creates anything."""

    def append(self, session: str, messages: Sequence[Stored], ttl: float | None) -> int:
        """Add messages behind what is there, all or none, next to each other.

        Args:
            ttl: the whole session ends that many seconds after this, its latest append; None
                leaves its end as it is.

        Returns:
            How many were new: one whose id is there already counts as added before.
        """

    def read(self, session: str) -> list[Stored]:
        """All messages in order."""

    def last(self, session: str, n: int) -> list[Stored]:
        """The last n messages in order; reads n, not all."""

    def clear(self, session: str) -> None:
        """Remove the messages, and the session with them."""

    def sessions(self, prefix: str = "", limit: int = 100, after: str = "") -> list[SessionInfo]:
        """Sessions by id, beginning behind `after`."""
