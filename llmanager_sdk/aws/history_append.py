"""One append to a session in DynamoDB: all of its messages or none, next to each other.

What fits into one transaction (100 actions, 4 MB) is written in one, with the raised count. More is
written in several: the first marks META as being written, the next put messages behind the count,
where nobody reads them, and the last raises the count. Meanwhile other appends wait; the leftovers
of an append that died are removed by the next one. Every transaction is fenced by META (`FENCE`),
so two appends never write at once, whatever their clocks say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from llmanager_sdk.aws.history_calls import Action, Operation
from llmanager_sdk.aws.history_items import (
    Item,
    Meta,
    at,
    complete,
    entry_item,
    filled,
    marker_key,
    message_items,
    message_range,
    meta_item,
    partition,
    weight,
)
from llmanager_sdk.aws.patience import Moved
from llmanager_sdk.ports.history import End, Stored
from llmanager_sdk.ports.history_keys import Candidate, fresh, look_up

DEAD_S = 10.0
"""An append that changes nothing for so long, as others see it, is taken for dead."""
STRIDE_S = 86400.0
"""How far at least the end is moved beyond the session's, each time its items are kept longer."""
_ENDLESS = 10**12
_MARKER_BYTES = 1_500


def kept_for(ttl: float) -> float:
    """For how many seconds after an append its session's items are kept.

    A session's end moves with each append, and an item's own cannot: every item would have to be
    written each time. So items are kept longer than the session, by a day or a quarter of its
    time, and written again only when its end comes to lie behind theirs. The day also makes up for
    clocks: DynamoDB goes by its own.
    """
    return ttl + max(STRIDE_S, ttl / 4)


class Append:
    """An append, tried until it is done.

    Args:
        operation: makes the calls.
        namespace: whose session.
        session: its id.
        call: the messages, and the keys that they may have.
        end: of the session.
        again: as `HistoryStore.append` has it.
        token: draws a text that nobody else draws.

    Attributes:
        began: whether it began a new generation of the session.
    """

    def __init__(
        self,
        operation: Operation,
        namespace: str,
        session: str,
        call: Sequence[Candidate],
        end: End,
        again: bool,
        token: Callable[[], str],
    ) -> None:
        self._do = operation
        self._namespace = namespace
        self._session = session
        self._pk = partition(namespace, session)
        self._call = call
        self._end = end
        self._again = again
        self._draw = token
        self._token = token()
        self.began = False
        self._kept = -math.inf
        self._watched: tuple[Meta, float] | None = None
        self._in_the_way = False

    def attempt(self) -> int:
        """Try once.

        Returns:
            How many messages were new.

        Raises:
            Moved: another append or a removal came in between, or is under way: try again.
        """
        now = self._do.clock.time()
        seen = self._do.meta(self._pk)
        base = seen
        if base is None or base.ended(now):
            base = Meta(self._draw(), 0, 0, now, now)
        self._wait_for(base)
        tokens: dict[str, str] = {}

        def look(keys: Sequence[str]) -> Mapping[str, str]:
            found = self._markers(base, keys)
            tokens.update({key: str(each["token"]["S"]) for key, each in found.items()})
            # One that an older version wrote has no digest.
            return {key: each.get("digest", {}).get("S", "") for key, each in found.items()}

        new = fresh(self._call, look_up(self._call, self._again, look), self._again)
        if mine := sum(token == self._token for token in tokens.values()):
            return mine  # it landed before, and the answer was lost
        goal = self._goal(base, now)
        if goal.kept_until != base.kept_until and base.count:
            self._keep(base, goal.kept_until)
        listed = goal.kept_until != base.kept_until or base is not seen
        self.began = base is not seen
        self._write(seen, base, goal, new, listed)
        return len(new)

    def _wait_for(self, base: Meta) -> None:
        """Another append that is being written is waited for, unless it died."""
        if not base.writing or base.token == self._token:
            return
        now = self._do.clock.monotonic()
        if self._watched is None or self._watched[0] != base:
            self._watched = (base, now)
        if now - self._watched[1] < DEAD_S:
            raise Moved("another append is being written")

    def _markers(self, base: Meta, keys: Sequence[str]) -> dict[str, Item]:
        """Those of the keys whose messages can be read already, with their markers."""
        if not base.count:
            return {}
        marked = {marker_key(base.gen, key): key for key in keys}
        markers = self._do.get_all(at(self._pk, sk) for sk in marked)
        return {
            marked[marker["sk"]["S"]]: marker
            for marker in markers
            if int(marker["number"]["N"]) < base.count
        }

    def _goal(self, base: Meta, now: float) -> Meta:
        """META with the new end."""
        expires, kept = self._end(now, base.expires_at, not base.count), base.kept_until
        if expires is None:
            kept = None
        elif kept is None or expires > kept:
            if (
                self._kept < expires
            ):  # else what an earlier attempt kept longer would be early again
                self._kept = now + kept_for(expires - now)
            kept = self._kept
        return replace(base, updated_at=now, expires_at=expires, kept_until=kept, token=self._token)

    # -- transactions --------------------------------------------------------------------------

    def _write(
        self, seen: Meta | None, base: Meta, goal: Meta, fresh: Sequence[Stored], listed: bool
    ) -> None:
        items = [
            item
            for number, message in enumerate(fresh, base.count)
            for item in message_items(self._pk, goal, number, message, self._token)
        ]
        slices = list(filled(map(weight, items), spare=2)) or [slice(0, 0)]
        entry = entry_item(self._namespace, self._session, goal)
        more: list[Action] = [self._do.add(entry, over=True)] if listed else []
        unclean = base.writing or self._in_the_way
        if unclean or len(slices) > 1:
            opened = replace(
                base,
                rev=base.rev + 1,
                kept_until=goal.kept_until,
                token=self._token,
                writing=True,
            )
            self._step(seen, opened, more)
            more = []
            seen = self._clean(opened) if unclean else opened
            for part in slices[:-1]:
                seen = self._go_on(seen, map(self._do.add, items[part]))
        done = replace(
            goal,
            rev=(seen.rev if seen and seen.gen == base.gen else base.rev) + 1,
            count=base.count + len(fresh),
            writing=False,
        )
        self._step(seen, done, [*more, *map(self._do.add, items[slices[-1]])])

    def _step(self, seen: Meta | None, then: Meta, actions: Iterable[Action]) -> None:
        """Write META over what was seen, together with other items."""
        put = self._do.put(meta_item(self._pk, then), seen)
        try:
            self._do.transact([put, *actions])
        except Moved:
            found = self._do.meta(self._pk)
            if found == then:
                return  # it was this very write, whose answer had been lost
            # What was in the way is not META but an item that should not be there.
            self._in_the_way = found is not None and found == seen
            raise

    def _go_on(self, seen: Meta, actions: Iterable[Action]) -> Meta:
        then = replace(seen, rev=seen.rev + 1)
        self._step(seen, then, actions)
        return then

    def _clean(self, opened: Meta) -> Meta:
        """Remove what an append that did not end left behind the count.

        Markers go before their messages: one without a message would never be found.
        """
        first, last = message_range(opened.gen, opened.count, _ENDLESS)
        names = ("sk", "id", "bytes")
        ends = {":a": first, ":b": last}
        for page in self._do.pages(self._pk, "sk BETWEEN :a AND :b", ends, only=names):
            sizes: dict[str, int] = {}
            for item in page:
                sizes[marker_key(opened.gen, item["id"]["S"])] = _MARKER_BYTES
                sizes[item["sk"]["S"]] = _size(item)
            keys = [at(self._pk, sk) for sk in sizes]
            for part in filled(sizes.values(), spare=1):
                opened = self._go_on(opened, map(self._do.remove, keys[part]))
        return opened

    def _keep(self, base: Meta, until: float | None) -> None:
        """Have all items of the session kept longer, before META says that they are.

        A transaction reaches its items one after the other, so what is read may lack some of them;
        they would be deleted too early. Hence they are counted.
        """
        ttl = None if until is None else math.ceil(until)
        found: list[Item] = []
        names = ("pk", "sk", "ttl", "bytes", "parts", "number")
        generation = {":gen": f"{base.gen}#"}
        for page in self._do.pages(self._pk, "begins_with(sk, :gen)", generation, only=names):
            found += page
            late = [item for item in page if _goes_early(item, ttl)]
            for part in filled(map(_size, late), spare=1):
                keeping = [self._do.keep(_key(item), ttl) for item in late[part]]
                self._do.transact([self._do.check(self._pk, base), *keeping])
        if not complete(found, base.count):
            raise Moved("messages of the session are missing, or being written")


def _key(item: Item) -> dict[str, Any]:
    return at(item["pk"]["S"], item["sk"]["S"])


def _goes_early(item: Item, ttl: int | None) -> bool:
    """Whether DynamoDB may delete it before; one that it never deletes needs a time as well."""
    if "ttl" in item:
        return ttl is None or float(item["ttl"]["N"]) < ttl
    return ttl is not None


def _size(item: Item) -> int:
    return int(item["bytes"]["N"]) + _MARKER_BYTES if "bytes" in item else _MARKER_BYTES
