"""Under which key a message is kept, and which messages of a call are new. Pure.

A message is known by its id, so that a call may be repeated. But not all messages of one id are the
same: LangChain's cache answers with the id of its first answer each time, and an agent replaces a
message by one of the same id. Nothing of this may be lost, so a message may have one of three keys:

    ID                  the first message of that id
    ID#other:DIGEST     one of that id that says something else
    ID#again:DIGEST     the same once more: it follows a new message; made of all before it in the
                        call, so that the same call finds it again

They come from the call alone. Which of them are there is read in the transaction that writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from llmanager_sdk.ports.history import Stored

_AGAIN = "#again:"
_OTHER = "#other:"

Look = Callable[[Sequence[str]], Mapping[str, str]]
"""Of some keys those that are there, each with the digest of its message; empty if unknown."""


class Candidate(NamedTuple):
    """A message of a call, and its keys."""

    id: str
    body: str
    digest: str
    other: str
    again: str


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def digest(body: str) -> str:
    """What a message says, as a short text: its kind, content and tool calls.

    Not what else it bears: counts of tokens and the like come and go with versions and caches. A
    message is the same whether it was put together from chunks or not.
    """
    try:
        message = json.loads(body)
        data = message["data"]
        kind = str(message["type"]).removesuffix("MessageChunk").lower()
        return _hash([kind, data["content"], data.get("tool_calls") or []])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _hash(body)


def other_key(message: str, told: str) -> str:
    """The key of a message that says something else than the first one of its id."""
    return f"{message}{_OTHER}{told}"


def is_again(key: str) -> bool:
    """Whether it is the key of a message that was said once more."""
    return _AGAIN in key


def candidates(messages: Iterable[Stored]) -> list[Candidate]:
    """The messages of a call with their keys."""
    found = []
    before = ""
    for id_, body in messages:
        told = digest(body)
        before = _hash([before, id_, told])
        found.append(Candidate(id_, body, told, other_key(id_, told), f"{id_}{_AGAIN}{before}"))
    return found


def look_up(call: Sequence[Candidate], again: bool, look: Look) -> dict[str, str]:
    """Which keys of a call are there, as `Look` says; the seldom ones are asked for if need be."""
    there = dict(look([each.id for each in call]))

    def more() -> Iterator[str]:
        for each in call:
            if each.id in there:
                if there[each.id] not in ("", each.digest):
                    yield each.other
                if again:
                    yield each.again

    return there | dict(look(list(more())))


def fresh(call: Sequence[Candidate], there: Mapping[str, str], again: bool) -> list[Stored]:
    """The messages of a call that are new, each under its key.

    Args:
        there: what `look_up` found.
        again: as `HistoryStore.append` has it.
    """
    seen, made = dict(there), list[Stored]()
    for each in call:
        key = each.id
        if seen.get(key, "") not in ("", each.digest):
            key = each.other
        if again and made and key in seen:
            key = each.again
        if key not in seen:
            seen[key] = each.digest
            made.append(Stored(key, each.body))
    return made
