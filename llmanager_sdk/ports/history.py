"""Where chat histories are kept: sessions of ordered messages. Times in seconds since the epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from llmanager_sdk.errors import ConfigurationError

ID_MOST = 512
"""The longest session id, in characters."""


class Stored(NamedTuple):
    """One message as it is kept.

    Attributes:
        id: its key, unique in its session: the message's own id, or one that is made of it; see
            `ports/history_keys.py`.
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

    def append(
        self, session: str, messages: Sequence[Stored], ttl: float | None, *, again: bool = False
    ) -> int:
        """Add messages behind what is there, all or none, next to each other.

        Args:
            ttl: the whole session ends that many seconds after this, its latest append; None
                leaves its end as it is, and `math.inf` takes it away.
            again: behind a new message, one whose id is there is said once more, and added. All
                the same, the same call repeated adds nothing.

        Returns:
            How many were new: one that is there already counts as added before. One whose id is
            there with other content is new.
        """

    def merge(self, session: str, messages: Sequence[Stored], expires_at: float | None) -> int:
        """Add what another history has of a session, as `append` does; it never ends earlier.

        Args:
            expires_at: when it ends there; the later of both ends holds, None being the latest.
        """

    def read(self, session: str) -> list[Stored]:
        """All messages in order."""

    def last(self, session: str, n: int) -> list[Stored]:
        """The last n messages in order; reads n, not all."""

    def clear(self, session: str) -> None:
        """Remove the messages, and the session with them."""

    def sessions(self, prefix: str = "", limit: int = 100, after: str = "") -> list[SessionInfo]:
        """Sessions by id, beginning behind `after`; none for a limit below 1."""


def encoded(text: str) -> bytes:
    """A text as it is kept.

    Raises:
        ConfigurationError: it holds half a character (a lone surrogate).
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"a text cannot be kept: {error}", hint="use text that can be encoded as UTF-8"
        ) from error


# -- the end of a session --------------------------------------------------------------------------

End = Callable[[float, float | None, bool], float | None]
"""The new end of a session: of the time, its end so far (None for never), and whether it begins."""


def end_after(ttl: float | None) -> End:
    """The end that an append sets."""

    def end(now: float, old: float | None, begins: bool) -> float | None:
        if ttl is None:
            return None if begins else old
        return None if math.isinf(ttl) else now + ttl

    return end


def end_not_before(expires_at: float | None) -> End:
    """The end that a copy sets."""

    def end(now: float, old: float | None, begins: bool) -> float | None:
        if begins:
            return expires_at
        return None if old is None or expires_at is None else max(old, expires_at)

    return end
