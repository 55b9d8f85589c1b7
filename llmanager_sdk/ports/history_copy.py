"""Copying chat sessions from one history to another, of any platform."""

from __future__ import annotations

from dataclasses import dataclass

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.ports.history import HistoryStore

PAGE = 100
"""Sessions that are listed at once."""


@dataclass
class Copied:
    """What a copy did.

    Attributes:
        sessions: how many were copied, those included of which nothing was new.
        messages: how many messages were new in the target.
        ended: how many came to their end before they could be copied.
    """

    sessions: int = 0
    messages: int = 0
    ended: int = 0


def copy_sessions(
    source: HistoryStore, target: HistoryStore, prefix: str = "", clock: Clock = SYSTEM
) -> Copied:
    """Copy sessions with their messages, ids, order and ends. The source stays as it is.

    May be repeated, also after it was interrupted: messages are known by their ids, and a session's
    messages are added all or none. What the target has of a session already stays before what is
    added; a message that is new in the source since the last copy comes behind.

    Args:
        prefix: only sessions whose id begins so.
        clock: says how long a session has until its end.

    Raises:
        StoreError: a history cannot be read or written. Sessions before it are copied whole.
    """
    report = Copied()
    after = ""
    while found := source.sessions(prefix, PAGE, after):
        for session in found:
            ttl = None if session.expires_at is None else session.expires_at - clock.time()
            messages = source.read(session.id) if ttl is None or ttl > 0 else []
            if messages:
                report.messages += target.append(session.id, messages, ttl)
                report.sessions += 1
            else:
                report.ended += 1
        after = found[-1].id
    return report
