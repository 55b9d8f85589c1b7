"""Chat histories in a DynamoDB table. One item a message; its number is given in the transaction.

A session's items share a partition of their own, with one item, META, that says which of them are
read: those of its generation with a number below its count. META is written by every append, so it
stands beside the messages and not in a partition that all sessions would share and that would get
hot. The list of sessions is such a partition (strongly consistent, in the order of ids, unlike an
index of DynamoDB's own), but it is written only when a session begins, when it is removed, and now
and then when its end has moved: DynamoDB takes some 500 new sessions a second in one namespace, and
more as it splits the partition.

The client is passed in: its region, credentials and retries are the caller's.
"""

from __future__ import annotations

import random as _random
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from botocore.exceptions import ClientError

from llmanager_sdk.aws.history_append import Append
from llmanager_sdk.aws.history_calls import Operation
from llmanager_sdk.aws.history_items import (
    META_KEY,
    READY,
    TTL,
    Item,
    Meta,
    at,
    damaged,
    entry_key,
    generation,
    head,
    message_range,
    messages_of,
    meta_of,
    partition,
)
from llmanager_sdk.aws.patience import Moved, missing
from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.dynamodb_table import FEATURES, Feature, TableMaker, typed
from llmanager_sdk.errors import ConfigurationError, LLManagerError, StoreError, StoreNotWritable
from llmanager_sdk.ports.history import (
    End,
    SessionInfo,
    Stored,
    encoded,
    end_after,
    end_not_before,
)
from llmanager_sdk.ports.history_keys import candidates

PAGE = 100
"""Sessions of one page of the list."""
TORN_S = 5.0
"""How long messages may be incomplete: a transaction reaches its items one after the other."""


class DynamoHistory:
    """All sessions of a namespace. Every message is on disk in several places when it is added.

    Args:
        table: its name; made by the first append. Reading makes nothing.
        namespace: whose sessions; without "#".
        client: of boto3, for "dynamodb".
        features: what is ensured beyond deletion protection and the end of items; emulators lack
            some.
        clock: says when a session has ended, and pauses between two tries.
        random: a number from 0 to below 1, drawn for each pause.
        token: draws a text without "#" that nobody else draws.

    Raises:
        ConfigurationError: a namespace that would be mistaken for another one.
    """

    def __init__(
        self,
        table: str,
        namespace: str,
        client: Any,
        *,
        features: Sequence[Feature] = FEATURES,
        clock: Clock = SYSTEM,
        random: Callable[[], float] = _random.random,
        token: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        if "#" in namespace:
            raise ConfigurationError(f"namespace {namespace!r} holds '#'")
        self.table = table
        self.namespace = namespace
        self._client = client
        self._features = features
        self._clock = clock
        self._random = random
        self._token = token
        self._ready = False

    def _operation(self, session: str, step: str, error: type[StoreError]) -> Operation:
        return Operation(self._client, self.table, self._clock, self._random, session, step, error)

    # -- writing -------------------------------------------------------------------------------

    def append(
        self, session: str, messages: Sequence[Stored], ttl: float | None, *, again: bool = False
    ) -> int:
        """Add messages, all or none, next to each other; one that is there is left out.

        Raises:
            StoreNotWritable: DynamoDB refuses, or other writers left no room for a minute. It is
                unknown then whether the messages were added; adding them again does no harm.
        """
        return self._add(session, messages, end_after(ttl), again)

    def merge(self, session: str, messages: Sequence[Stored], expires_at: float | None) -> int:
        """`append` for what another history has of the session, which never ends earlier."""
        return self._add(session, messages, end_not_before(expires_at), False)

    def _add(self, session: str, messages: Sequence[Stored], end: End, again: bool) -> int:
        if not messages:
            return 0
        do = self._operation(session, "append", StoreNotWritable)
        call = Append(do, self.namespace, session, candidates(messages), end, again, self._token)
        patience = do.patience()
        while True:
            try:
                self._ensure(do)
                added = call.attempt()
                if call.began:
                    self._tidy(do, partition(self.namespace, session))
                return added
            except Moved as moved:
                why = str(moved)
            except ClientError as error:
                if not missing(error):
                    raise
                self._ready = False
                why = "the table is not there yet"
            patience.pause(why)

    def _ensure(self, do: Operation) -> None:
        """Make the table, or complete one whose maker died over it.

        Looking at its parts takes many slow calls, which few are allowed to make, so an item tells
        whether it was completed.
        """
        if self._ready:
            return
        try:
            noted = do.get(READY)
        except ClientError:
            noted = None
        if noted is None or not set(self._features) <= set(noted["features"]["S"].split()):
            self.ensure_table()
            features = {"features": {"S": " ".join(sorted(self._features))}}
            do.transact([do.add({**READY, **features}, over=True)])
        self._ready = True

    def ensure_table(self) -> None:
        """Make the table, or complete one that is half-made. May be called at any time, by many."""
        step = "ensure the table"
        maker = TableMaker(
            self._client,
            self.table,
            "history",
            self._features,
            self._clock,
            StoreNotWritable,
            ttl=TTL,
        )
        with typed(StoreNotWritable, "the history", self.table, step):
            do = self._operation(self.table, step, StoreNotWritable)
            do.patience().insist(maker.ensure)

    def clear(self, session: str) -> None:
        """Remove the messages, and the session with them.

        It is gone for readers before its messages are; if this is interrupted, the next `clear`, or
        the first append to a new session of that id, removes what is left.
        """
        do = self._operation(session, "clear", StoreNotWritable)
        pk = partition(self.namespace, session)
        entry = at(f"I#{self.namespace}", entry_key(session))
        try:
            patience = do.patience()
            while meta := do.meta(pk):
                try:
                    do.delete_if(at(pk, META_KEY), meta.gen)
                    break
                except Moved as moved:
                    patience.pause(str(moved))
            self._sweep(do, pk)
            # As in the sweep, the entry is read before META.
            listed = do.get(entry)
            live = do.settled_meta(pk)
            if listed and (live is None or live.gen != listed["gen"]["S"]):
                do.delete_if(entry, listed["gen"]["S"])
        except Moved:
            return  # the entry went, or a new session has taken it over
        except ClientError as error:
            if not missing(error):
                raise

    def _tidy(self, do: Operation, pk: str) -> None:
        """Delete what a `clear` that was interrupted has left of earlier generations."""
        try:
            self._sweep(do, pk)
        except (Moved, LLManagerError, ClientError):
            return  # the messages are added; the next beginning, or `clear`, tries again

    def _sweep(self, do: Operation, pk: str) -> None:
        """Delete items of generations that are over.

        Items are listed before META is read. What was listed is live only if META says so then: a
        generation's items come with its META or after it, and one that is over never comes back.
        """
        for page in do.pages(pk, only=("pk", "sk")):
            meta = do.settled_meta(pk)
            live = (META_KEY, meta.gen if meta else "")
            do.delete_all(item for item in page if generation(str(item["sk"]["S"])) not in live)

    # -- reading -------------------------------------------------------------------------------

    def read(self, session: str) -> list[Stored]:
        """All messages in order."""
        return self._messages(session, None)

    def last(self, session: str, n: int) -> list[Stored]:
        """The last n messages in order; reads their items, META and no others."""
        return self._messages(session, n)

    def _messages(self, session: str, n: int | None) -> list[Stored]:
        do = self._operation(session, "read messages", StoreError)
        pk = partition(self.namespace, session)
        patience = do.patience()
        until = self._clock.monotonic() + TORN_S
        while True:
            meta = self._meta(do, pk)
            if meta is None or meta.ended(self._clock.time()):
                return []
            first = 0 if n is None else max(0, meta.count - n)
            if first >= meta.count:
                return []
            low, high = message_range(meta.gen, first, meta.count)
            pages = do.pages(pk, "sk BETWEEN :a AND :b", {":a": low, ":b": high})
            found = messages_of([item for page in pages for item in page], first, meta.count)
            if found is not None:
                return found
            if self._clock.monotonic() > until:
                raise damaged(session)
            patience.pause("messages are being written or removed")

    def _meta(self, do: Operation, pk: str) -> Meta | None:
        try:
            return do.meta(pk)
        except ClientError as error:
            if not missing(error):
                raise
            return None

    def sessions(self, prefix: str = "", limit: int = 100, after: str = "") -> list[SessionInfo]:
        """Sessions by id, beginning behind `after`."""
        encoded(prefix + after)
        do = self._operation("*", "list sessions", StoreError)
        try:
            most = max(0, min(limit, sys.maxsize))
            return list(islice(self._live(do, prefix, after, min(most, PAGE)), most))
        except ClientError as error:
            if not missing(error):
                raise
            return []

    def _live(self, do: Operation, prefix: str, after: str, page: int) -> Iterator[SessionInfo]:
        ids = (x for x in self._listed(do, prefix, after) if x > after and x.startswith(prefix))
        while some := list(islice(ids, page)):
            keys = {partition(self.namespace, x): x for x in some}
            found = do.get_all(at(pk, META_KEY) for pk in keys)
            metas = {keys[item["pk"]["S"]]: meta_of(item) for item in found}
            now = self._clock.time()
            for x in some:
                meta = metas.get(x)
                if meta and meta.count and not meta.ended(now):
                    yield SessionInfo(
                        x, meta.count, meta.created_at, meta.updated_at, meta.expires_at
                    )

    def _listed(self, do: Operation, prefix: str, after: str) -> Iterator[str]:
        """Ids of the list in order; some before `after` too, if it is long."""
        low = "=" + head(prefix)
        if after > prefix and not after.startswith(prefix):
            return  # it is behind all that have the prefix
        pk = f"I#{self.namespace}"
        # Long ids with the same head stand in the order of their hashes: they begin behind it.
        start = at(pk, "=" + head(after)) if after > prefix else None
        pages = do.pages(
            pk, "begins_with(sk, :low)", {":low": low}, only=("id",), after=start, size=PAGE
        )
        entries: Iterator[Item] = (item for page in pages for item in page)
        ids = (str(item["id"]["S"]) for item in entries)
        for _, group in groupby(ids, key=head):
            yield from sorted(group)
