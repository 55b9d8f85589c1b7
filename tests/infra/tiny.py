"""An account in memory, as far as a sweep looks at it: fast enough for thousands of inventories.

Its clients have boto3's calls and botocore's errors. What it says of a resource is set by the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from llmanager_sdk.aws.reapable import PARTS
from llmanager_sdk.aws.reaper import registry_table
from llmanager_sdk.core.life import Life, Slot
from llmanager_sdk.registry.dynamodb import DynamoSlots

PAGE = 100


def refusal(code: str, message: str = "no", status: int = 400) -> ClientError:
    body: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(body, "Operation")


class Errors:
    """Classes of errors, as a client has them."""

    class ResourceNotFoundException(ClientError):
        pass

    class ConditionalCheckFailedException(ClientError):
        pass


@dataclass
class Tiny:
    """All of it.

    Attributes:
        now: its time; every call takes `step` seconds.
        said: what an endpoint's description is, or the error that it raises.
        used: what CloudWatch answers about an endpoint, or the error that it raises.
        deleted: names that somebody asked to delete, in order.
    """

    namespace: str = "main"
    now: float = 1_800_000_000.0
    step: float = 0.0
    calls: int = 0
    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=lambda: {part: {} for part in PARTS})
    said: dict[str, Any] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)

    # -- a clock -------------------------------------------------------------------------------

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    # -- clients -------------------------------------------------------------------------------

    def client(self, service: str) -> Any:
        return _CLIENTS[service](self)

    def call(self) -> None:
        self.calls += 1
        self.now += self.step

    # -- what is there -------------------------------------------------------------------------

    def put(self, life: Life, *, exists: bool = True) -> None:
        """A row with one life, and its parts."""
        slots = DynamoSlots(registry_table(self.namespace), self.namespace, self.client("dynamodb"))
        assert slots.swap(Slot(life.spec.key), Slot(life.spec.key, next_gen=2, lives=(life,)))
        if exists:
            self.make(life.names["endpoint"])

    def make(self, name: str) -> None:
        """All parts of one name; the probe was seen, and no use since."""
        for part in PARTS:
            self.parts[part][name] = {}
        self.said[name] = {"EndpointStatus": "InService"}

    def phases(self) -> dict[str, str]:
        """By key, the phase of its only life."""
        slots = DynamoSlots(registry_table(self.namespace), self.namespace, self.client("dynamodb"))
        found: dict[str, str] = {}
        cursor = ""
        while True:
            page = slots.scan(cursor)
            found |= {slot.key: slot.lives[0].phase for slot in page.slots if slot.lives}
            cursor = page.cursor
            if not cursor:
                return found


def told(times: Any, values: Any, code: str = "Complete", **more: Any) -> dict[str, Any]:
    """An answer of CloudWatch."""
    result = {"Id": "used", "Timestamps": times, "Values": values, "StatusCode": code}
    return {"MetricDataResults": [result], **more}


def date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class _Client:
    exceptions = Errors

    def __init__(self, tiny: Tiny) -> None:
        self._tiny = tiny


class _DynamoDB(_Client):
    def _at(self, key: Mapping[str, Any]) -> tuple[str, str]:
        self._tiny.call()
        return key["pk"]["S"], key["sk"]["S"]

    def get_item(self, *, Key: Any, **_: Any) -> dict[str, Any]:
        item = self._tiny.items.get(self._at(Key))
        return {"Item": item} if item else {}

    def put_item(self, *, Item: Any, ConditionExpression: str, **more: Any) -> None:
        at = self._at(Item)
        stored = self._tiny.items.get(at)
        wanted = more.get("ExpressionAttributeValues", {}).get(":rev")
        if (stored or {}).get("rev") != wanted:
            raise Errors.ConditionalCheckFailedException({"Error": {}}, "PutItem")
        self._tiny.items[at] = dict(Item)

    def update_item(self, *, Key: Any, ExpressionAttributeValues: Any, **_: Any) -> None:
        values = {name[1:]: value for name, value in ExpressionAttributeValues.items()}
        item = dict(Key) | {"expires": values["at"], "cursor": values["cursor"]}
        self._tiny.items[self._at(Key)] = item

    def query(self, *, ExpressionAttributeValues: Any, **more: Any) -> dict[str, Any]:
        self._tiny.call()
        pk = ExpressionAttributeValues[":pk"]["S"]
        start = more.get("ExclusiveStartKey", {}).get("sk", {}).get("S", "")
        keys = sorted(sk for at, sk in self._tiny.items if at == pk and sk > start)
        found = [self._tiny.items[pk, sk] for sk in keys[:PAGE]]
        more_of_it = len(keys) > PAGE
        last = {"LastEvaluatedKey": {"sk": {"S": keys[PAGE - 1]}}} if more_of_it else {}
        return {"Items": found, **last}


class _SageMaker(_Client):
    def get_paginator(self, operation: str) -> Any:
        part = next(p for p, (stem, _) in PARTS.items() if operation == f"list_{stem}s")
        return _Pages(self._tiny, part)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb, _, stem = name.partition("_")
        part = next(p for p, (each, _) in PARTS.items() if each == stem)

        def call(**request: str) -> Any:
            self._tiny.call()
            (target,) = request.values()
            if target not in self._tiny.parts[part]:
                raise refusal("ValidationException", f'Could not find {stem} "{target}".')
            if verb == "delete":
                self._tiny.deleted.append(target)
                del self._tiny.parts[part][target]
                return {}
            said = self._tiny.said.get(target, {}) if part == "endpoint" else {}
            if isinstance(said, Exception):
                raise said
            return said

        return call


class _Pages:
    def __init__(self, tiny: Tiny, part: str) -> None:
        self._tiny = tiny
        self._part = part

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        _, noun = PARTS[self._part]
        names = sorted(self._tiny.parts[self._part])
        for start in range(0, len(names), PAGE):
            self._tiny.call()
            page = names[start : start + PAGE]
            yield {f"{noun}s": [{f"{noun}Name": name} for name in page]}


class _CloudWatch(_Client):
    def get_metric_data(self, *, MetricDataQueries: Any, **asked: Any) -> Any:
        self._tiny.call()
        metric = MetricDataQueries[0]["MetricStat"]["Metric"]
        name = metric["Dimensions"][0]["Value"]
        answer = self._tiny.used.get(name)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:  # the probe, and nothing later
            probe = asked["StartTime"].timestamp() + 900.0
            return told([date(probe)], [1.0])
        return answer["answer"]


class _Scaling(_Client):
    def deregister_scalable_target(self, **_: Any) -> None:
        self._tiny.call()
        raise refusal("ObjectNotFoundException", "No scalable target found")


class _Topic(_Client):
    def publish(self, *, Message: str, **_: Any) -> None:
        self._tiny.call()
        self._tiny.published.append(Message)


_CLIENTS: dict[str, Callable[[Tiny], Any]] = {
    "dynamodb": _DynamoDB,
    "sagemaker": _SageMaker,
    "cloudwatch": _CloudWatch,
    "application-autoscaling": _Scaling,
    "sns": _Topic,
}
