"""Clients around a real one: they fail, die, let others in between, hide items, and count."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from llmanager_sdk.aws.history import DynamoHistory

Call = Callable[..., Any]
WRITES = ("transact_write_items", "delete_item", "batch_write_item")


class World:
    """A clock whose pauses take no time, and on which nothing happens by itself."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Around:
    """Passes every call on to `around`."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Call:
        call = getattr(self.client, name)
        return lambda **request: self.around(name, call, request)

    def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        return call(**request)


def client_error(code: str, *reasons: str) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "no"}}
    if reasons:
        answer["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(answer, "operation")


class Failing(Around):
    """Fails in a share of the calls: conflicts, throttling, silence before and after the effect.

    Args:
        share: of the calls.
        forgetful: do not tell DynamoDB which transactions are the same.
    """

    def __init__(self, client: Any, seed: int, share: float = 0.3, forgetful: bool = False) -> None:
        super().__init__(client)
        self.random = random.Random(seed)
        self.share = share
        self.forgetful = forgetful
        self.failed = Counter[str]()

    def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        if self.forgetful:
            request.pop("ClientRequestToken", None)
        if self.random.random() >= self.share:
            return call(**request)
        how = self.random.choice(["conflict", "throttled", "busy", "silent", "landed"])
        self.failed[how] += 1
        if how == "conflict" and name.startswith("transact"):
            raise client_error("TransactionCanceledException", "None", "TransactionConflict")
        if how == "throttled" and name.startswith("transact"):
            raise client_error("TransactionCanceledException", "ThrottlingError", "None")
        if how in ("conflict", "throttled"):
            raise client_error("ProvisionedThroughputExceededException")
        if how == "busy":
            return self._part(name, call, request)
        if how == "landed":
            call(**request)
        raise ReadTimeoutError(endpoint_url="http://x")

    def _part(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        """Do the first half of a batch."""
        if not name.startswith("batch"):
            raise client_error("InternalServerError")
        ((table, wanted),) = request["RequestItems"].items()
        listed = wanted["Keys"] if name == "batch_get_item" else wanted
        half, rest = listed[: len(listed) // 2], listed[len(listed) // 2 :]
        keys = name == "batch_get_item"
        answer: dict[str, Any] = {"Responses": {}}
        if half:
            now = {**wanted, "Keys": half} if keys else half
            answer = dict(call(RequestItems={table: now}))
        left = "UnprocessedKeys" if keys else "UnprocessedItems"
        return answer | {left: {table: {**wanted, "Keys": rest} if keys else rest}}


class Killed(BaseException):
    """The process ended here."""


class Cutting(Around):
    """Does something at the n-th write: before it, or after it and before its answer.

    Args:
        n: which write, from 0.
        then: what is done; it may raise `Killed`.
        calls: which calls count.
    """

    def __init__(
        self,
        client: Any,
        n: int,
        then: Callable[[], None],
        *,
        after: bool = False,
        calls: tuple[str, ...] = WRITES,
    ) -> None:
        super().__init__(client)
        self.n = n
        self.then = then
        self.after = after
        self.calls = calls
        self.cut = False

    def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        if name not in self.calls:
            return call(**request)
        self.n -= 1
        now = self.n == -1
        self.cut |= now
        if now and not self.after:
            self.then()
        answer = call(**request)
        if now and self.after:
            self.then()
        return answer


class Hiding(Around):
    """Leaves items out of a share of the answers, as while a transaction reaches its items."""

    def __init__(self, client: Any, seed: int) -> None:
        super().__init__(client)
        self.random = random.Random(seed)

    def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        answer = call(**request)
        if name == "query" and answer["Items"] and self.random.random() < 0.3:
            answer["Items"].pop(self.random.randrange(len(answer["Items"])))
        if name == "batch_get_item" and self.random.random() < 0.3:
            for found in answer["Responses"].values():
                del found[:1]
        return answer


class Counting(Around):
    """Notes the calls, and how many items they answered with."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.calls = Counter[str]()
        self.items = 0

    def around(self, name: str, call: Call, request: dict[str, Any]) -> Any:
        answer = call(**request)
        self.calls[name] += 1
        self.items += len(answer.get("Items", [])) + ("Item" in answer)
        return answer


def kill() -> None:
    raise Killed


def items(client: Any, table: str) -> list[Mapping[str, Any]]:
    """Everything in a table but the note about the table."""
    found: list[Mapping[str, Any]] = []
    for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        found += page["Items"]
    return [item for item in found if item["pk"]["S"] != "T"]


def waste(client: Any, table: str) -> list[str]:
    """Range keys of items that nobody reads and no session that is being written accounts for."""
    found = items(client, table)
    metas = {item["pk"]["S"]: item for item in found if item["sk"]["S"] == "META"}
    wrong = []
    for item in found:
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if pk.startswith("I#") or sk == "META":
            continue
        meta = metas.get(pk)
        gen, kind, rest = sk.split("#", 2)
        number = int(rest.split("#")[0]) if kind == "m" else int(item["number"]["N"])
        if meta is None or meta["gen"]["S"] != gen or number >= int(meta["count"]["N"]):
            wrong.append(sk)
        elif float(item.get("ttl", {"N": "inf"})["N"]) < float(meta.get("ttl", {"N": "0"})["N"]):
            wrong.append(f"{sk} goes too early")
        elif "ttl" in meta and "ttl" not in item:
            wrong.append(f"{sk} never goes")
    return wrong


def store(client: Any, table: str, clock: Any, seed: int = 1) -> DynamoHistory:
    """A history without what emulators lack."""
    draw = random.Random(seed).random
    return DynamoHistory(table, "main", client, features=(), clock=clock, random=draw)
