"""Copying chat sessions from one history to another, of any platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.ports.history import HistoryStore, SessionInfo

PAGE = 100
"""Sessions that are listed at once."""
ANY = "*"
"""At the end of a choice: every session whose id begins so."""


@dataclass
class Copied:
    """What a copy did.

    Attributes:
        sessions: how many were copied, those included of which nothing was new.
        messages: how many messages were new in the target.
        ended: how many came to their end before they could be copied.
        missing: ids that were chosen, and are not there.
    """

    sessions: int = 0
    messages: int = 0
    ended: int = 0
    missing: list[str] = field(default_factory=list)


def chosen(choices: Sequence[str], session: str) -> bool:
    """Whether a session is one of those that were chosen."""
    return not choices or any(
        session.startswith(each.removesuffix(ANY)) if each.endswith(ANY) else session == each
        for each in choices
    )


def copy_sessions(
    source: HistoryStore,
    target: HistoryStore,
    choices: Sequence[str] = (),
    clock: Clock = SYSTEM,
    *,
    after: str = "",
    told: Callable[[str, Copied], None] = lambda session, report: None,
) -> Copied:
    """Copy sessions with their messages, ids, order and ends. The source stays as it is.

    May be repeated, also after it was interrupted: messages are known by their ids, and a session's
    messages are added all or none. What the target has of a session already stays before what is
    added; a message that is new in the source since the last copy comes behind. No session of the
    target ends earlier than it did: the later of both ends holds.

    Args:
        choices: ids, and beginnings of ids with "*"; all sessions for none.
        clock: says which sessions have ended.
        after: only sessions whose id comes behind this one, to go on with an interrupted copy.
        told: gets the id of each session once it is copied, and what was done so far.

    Raises:
        StoreError: a history cannot be read or written. Sessions before it are copied whole.
    """
    report = Copied()
    for choice in _disjoint(choices):
        found = False
        for session in _matching(source, choice, after):
            found = True
            ends = session.expires_at
            messages = source.read(session.id) if ends is None or ends > clock.time() else []
            if messages:
                report.messages += target.merge(session.id, messages, ends)
                report.sessions += 1
            else:
                report.ended += 1
            told(session.id, report)
        if not found and not choice.endswith(ANY) and choice > after:
            report.missing.append(choice)
    return report


def _disjoint(choices: Sequence[str]) -> list[str]:
    """Without those that another one covers, so that each session comes once, and in order."""
    kept: list[str] = []
    wide_first = sorted(set(choices) or {ANY}, key=lambda x: (x.removesuffix(ANY), x[-1:] != ANY))
    for each in wide_first:
        if not any(x.endswith(ANY) and chosen([x], each.removesuffix(ANY)) for x in kept):
            kept.append(each)
    return kept


def _matching(source: HistoryStore, choice: str, after: str) -> Iterator[SessionInfo]:
    if not choice.endswith(ANY):
        # No other id that begins so comes before it.
        if choice > after:
            yield from (x for x in source.sessions(choice, 1, after) if x.id == choice)
        return
    while found := source.sessions(choice.removesuffix(ANY), PAGE, after):
        yield from found
        after = found[-1].id
