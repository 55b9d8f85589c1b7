"""The items of a history table: their keys, their form, and how they fill transactions. Pure.

    pk                    sk                          what
    S#namespace#session   META                        the session: generation, count, ends
    S#namespace#session   GEN#m#NUMBER#PART           a message; a long one has several parts
    S#namespace#session   GEN#i#KEY                   which number the message of that key has
    I#namespace           =SESSION                    an entry of the list of sessions
    T                     READY                       what of the table was ensured

A session's first append draws its generation (GEN), and so does the first one after its end. Keys
of another generation than that of META are waste: nothing reads them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from llmanager_sdk.errors import StoreCorrupt
from llmanager_sdk.ports.history import Stored, encoded
from llmanager_sdk.ports.history_keys import digest

Item = Mapping[str, Any]

KEY_MOST = 225
"""Characters of a text that stand in a key as they are; a sort key may have 1,024 bytes."""
PART_MOST = 350_000
"""Bytes of a part of a body; an item may have 400 KB in all."""
ACTIONS_MOST = 100
"""Actions of one transaction."""
BYTES_MOST = 3_500_000
"""Bytes of one transaction; the service allows 4 MB, and counts what we do not."""
TTL = "ttl"
"""The attribute with the time after which DynamoDB may delete an item, in whole seconds."""
META_KEY = "META"
READY = {"pk": {"S": "T"}, "sk": {"S": "READY"}}
FENCE = "gen = :gen AND rev = :rev"
"""Every write of a session: nobody wrote its META since it was read.

    A reads rev 4 ..................... A writes 5 and messages (rev is 5: fails; A reads again)
    B reads rev 4 ... B writes 5 and messages (lands)

The generation is compared too, because a session that is cleared begins with rev 1 again.
"""
ABSENT = "attribute_not_exists(pk)"
_LAST_PART = "9" * 6


@dataclass(frozen=True)
class Meta:
    """What META says.

    Attributes:
        rev: raised by every write.
        count: how many messages can be read: those with a number below it.
        expires_at: when the session ends.
        kept_until: no item of the session is deleted by DynamoDB before; at least `expires_at`.
        token: of the append that wrote it; with `rev` it tells one write from every other.
        writing: that append is still writing messages behind `count`, or died over it.
    """

    gen: str
    rev: int
    count: int
    created_at: float
    updated_at: float
    expires_at: float | None = None
    kept_until: float | None = None
    token: str = ""
    writing: bool = False

    def ended(self, now: float) -> bool:
        """Whether nothing of it may be read any more."""
        return self.expires_at is not None and self.expires_at <= now


def short(text: str) -> str:
    """A text as it stands in a key: itself, or if it is long its head and its hash."""
    data = encoded(text)
    return text if head(text) == text else f"{head(text)}#{hashlib.sha256(data).hexdigest()}"


def head(text: str) -> str:
    """The characters of a text that stand in its key as they are."""
    return text[:KEY_MOST]


def partition(namespace: str, session: str) -> str:
    """The hash key of everything that belongs to a session but its entry in the list."""
    return f"S#{namespace}#{short(session)}"


def at(pk: str, sk: str) -> dict[str, Any]:
    """A key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def message_key(gen: str, number: int, part: int = 0) -> str:
    """The range key of a part of a message."""
    return f"{gen}#m#{number:012d}#{part:06d}"


def message_range(gen: str, first: int, end: int) -> tuple[str, str]:
    """The first and the last range key of the messages from `first` to before `end`."""
    return message_key(gen, first), f"{gen}#m#{end - 1:012d}#{_LAST_PART}"


def marker_key(gen: str, message: str) -> str:
    """The range key of what says that a message is there."""
    return f"{gen}#i#{short(message)}"


def entry_key(session: str) -> str:
    """The range key of a session's entry in the list; in the order of ids but for long ones."""
    return "=" + short(session)


def generation(sk: str) -> str:
    """The generation that a range key belongs to."""
    return sk.partition("#")[0]


# -- items ---------------------------------------------------------------------------------------


def _ttl(kept_until: float | None) -> dict[str, Any]:
    return {} if kept_until is None else {TTL: {"N": str(math.ceil(kept_until))}}


def meta_item(pk: str, meta: Meta) -> dict[str, Any]:
    """META as it is stored."""
    item = at(pk, META_KEY) | _ttl(meta.kept_until)
    item |= {"gen": {"S": meta.gen}, "token": {"S": meta.token}, "writing": {"BOOL": meta.writing}}
    numbers = {
        "rev": meta.rev,
        "count": meta.count,
        "created_at": meta.created_at,
        "updated_at": meta.updated_at,
        "expires_at": meta.expires_at,
        "kept_until": meta.kept_until,
    }
    item |= {name: {"N": repr(x)} for name, x in numbers.items() if x is not None}
    return item


def meta_of(item: Item) -> Meta:
    """META from its item."""

    def number(name: str) -> float | None:
        return float(item[name]["N"]) if name in item else None

    return Meta(
        item["gen"]["S"],
        int(item["rev"]["N"]),
        int(item["count"]["N"]),
        number("created_at") or 0.0,
        number("updated_at") or 0.0,
        number("expires_at"),
        number("kept_until"),
        item["token"]["S"],
        item["writing"]["BOOL"],
    )


def entry_item(namespace: str, session: str, meta: Meta) -> dict[str, Any]:
    """The entry of a session in the list."""
    key = at(f"I#{namespace}", entry_key(session))
    return key | {"id": {"S": session}, "gen": {"S": meta.gen}} | _ttl(meta.kept_until)


def message_items(
    pk: str, meta: Meta, number: int, message: Stored, token: str
) -> Iterator[dict[str, Any]]:
    """The parts of a message, then its marker, which so is never there without them.

    Args:
        meta: says the generation, and how long they are kept.
        token: of the append.
    """
    bodies = list(_parts(message.body))
    for part, body in enumerate(bodies):
        yield (
            at(pk, message_key(meta.gen, number, part))
            | _ttl(meta.kept_until)
            | {
                "id": {"S": message.id},
                "parts": {"N": str(len(bodies))},
                "body": {"S": body},
            }
        )
    yield (
        at(pk, marker_key(meta.gen, message.id))
        | _ttl(meta.kept_until)
        | {
            "number": {"N": str(number)},
            "token": {"S": token},
            "digest": {"S": digest(message.body)},
        }
    )


def _parts(body: str) -> Iterator[str]:
    data = encoded(body)
    first = 0
    while True:
        # A character that the cut goes through is left to the next part.
        part = data[first : first + PART_MOST].decode(errors="ignore")
        yield part
        first += len(part.encode())
        if first >= len(data):
            return


def messages_of(items: Sequence[Item], first: int, end: int) -> list[Stored] | None:
    """Messages from their parts, in order.

    Returns:
        None if they are not exactly those from `first` to before `end`, whole: they were read
        while a transaction or a removal was under way.
    """
    found: list[Stored] = []
    for key, group in groupby(items, key=lambda item: str(item["sk"]["S"]).rpartition("#")[0]):
        parts = list(group)
        whole = len(parts) == int(parts[0]["parts"]["N"])
        if not whole or int(key.rpartition("#")[2]) != first + len(found):
            return None
        body = "".join(part["body"]["S"] for part in parts)
        found.append(Stored(parts[0]["id"]["S"], body))
    return found if len(found) == end - first else None


def complete(items: Iterable[Item], count: int) -> bool:
    """Whether items of a generation hold all messages below `count`, whole, and their markers."""
    parts: dict[int, set[str]] = {}
    wanted: dict[int, int] = {}
    marked: set[int] = set()
    for item in items:
        _, kind, rest = item["sk"]["S"].split("#", 2)
        if kind == "m":
            number, part = rest.split("#")
            parts.setdefault(int(number), set()).add(part)
            wanted[int(number)] = int(item["parts"]["N"])
        else:
            marked.add(int(item["number"]["N"]))
    return all(n in marked and n in wanted and len(parts[n]) == wanted[n] for n in range(count))


def damaged(session: str) -> StoreCorrupt:
    """The error for messages that stay incomplete."""
    return StoreCorrupt(
        f"messages of {session!r} are missing in the table",
        resource=session,
        step="read messages",
        hint="something else deleted them; restore the table to a point in time",
    )


# -- transactions --------------------------------------------------------------------------------


def weight(item: Item) -> int:
    """About how many bytes an item has."""
    return sum(len(name) + len(str(*value.values()).encode()) for name, value in item.items())


def filled(weights: Iterable[int], spare: int) -> Iterator[slice]:
    """What of a sequence goes into each transaction, in order.

    Args:
        weights: the bytes of each.
        spare: how many actions are kept free in every transaction.
    """
    first = end = total = 0
    for each in weights:
        if end - first == ACTIONS_MOST - spare or (end > first and total + each > BYTES_MOST):
            yield slice(first, end)
            first, total = end, 0
        end += 1
        total += each
    if end > first:
        yield slice(first, end)
