"""The reaper of a namespace: one sweep as a living reaper, and the Lambda that makes it.

What reapers say stands in the registry's table, outside the scan of slots:

    pk       the namespace with "#reaper"
    sk       the source, "lambda" or "watch@host"; or "switch"
    expires  until then it counts as alive: 3 sweeps after the last one
    cursor   where its next sweep goes on
    version  of the SDK that it was made from
    off_by   of the switch: who said that nothing is to be deleted
"""

from __future__ import annotations

import functools
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from llmanager_sdk.aws.reapable import EndpointReaper
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.ports import Clock, Reapable
from llmanager_sdk.core.sweep import Cleaner, Report, sweep
from llmanager_sdk.registry.dynamodb import DynamoSlots

LAMBDA, SWITCH = "lambda", "switch"
SWEEP_S = 300.0  # between two sweeps
BEATS = 3  # after so many sweeps without a word a reaper counts as dead
SPARE_S = 60.0  # of the Lambda's time, for the key that is being worked on and for the report
TOLD = 200  # so many entries of a kind are written to the log; the metrics count all
NEWS = ("done", "twins", "errors")  # for the topic; states that last are for the alarms

LATER = "attribute_not_exists(expires) OR expires < :at"
"""A heartbeat never goes back.

    A sweeps ... A writes 10:15
    B sweeps .................. B writes 10:20 ... A's repeated request (10:20 is later: fails)
"""


def registry_table(namespace: str) -> str:
    """The name of the table."""
    return f"llmanager-{namespace}-registry"


class Beat(NamedTuple):
    """A reaper, and until when it counts as alive."""

    source: str
    expires: float


class Words(NamedTuple):
    """What each source said last, dead ones included: its attributes, as text."""

    said: Mapping[str, Mapping[str, str]]

    def get(self, source: str, what: str) -> str:
        """One attribute; empty if it was never said."""
        return self.said.get(source, {}).get(what, "")

    @property
    def off_by(self) -> str:
        """Who switched the reapers off."""
        return self.get(SWITCH, "off_by")

    def living(self, now: float) -> list[Beat]:
        """Reapers that count as alive; none does while they are off."""
        told = [Beat(each, float(self.get(each, "expires") or 0.0)) for each in self.said]
        return [] if self.off_by else [beat for beat in told if beat.expires > now]


class Heartbeats:
    """The words of a namespace's reapers. Without a table there are none, and none are written."""

    def __init__(self, table: str, namespace: str, client: Any, clock: Clock) -> None:
        self._table = table
        self._pk = f"{namespace}#reaper"
        self._client = client
        self._clock = clock

    def read(self) -> Words:
        """Strongly consistent."""
        try:
            found = self._client.query(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": self._pk}},
            )["Items"]
        except self._client.exceptions.ResourceNotFoundException:
            return Words({})
        plain = ({name: next(iter(x.values())) for name, x in item.items()} for item in found)
        return Words({item["sk"]: item for item in plain})

    def beat(
        self, source: str, sweep_s: float = SWEEP_S, cursor: str = "", version: str = ""
    ) -> None:
        """A sweep is done."""
        errors = self._client.exceptions
        try:
            self._write(source, sweep_s, cursor, version)
        except (errors.ConditionalCheckFailedException, errors.ResourceNotFoundException):
            return

    def _write(self, source: str, sweep_s: float, cursor: str, version: str) -> None:
        at = repr(self._clock.time() + BEATS * sweep_s)
        texts = {":cursor": {"S": cursor}, ":version": {"S": version}}
        self._client.update_item(
            **self._item(source),
            UpdateExpression="SET expires = :at, #cursor = :cursor, version = :version",
            ConditionExpression=LATER,
            ExpressionAttributeNames={"#cursor": "cursor"},
            ExpressionAttributeValues={":at": {"N": at}, **texts},
        )

    def _item(self, source: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"pk": {"S": self._pk}, "sk": {"S": source}}}


def reap(
    cleaner: Cleaner[Reapable],
    beats: Heartbeats,
    namespace: str,
    source: str,
    until: float,
    sweep_s: float = SWEEP_S,
    version: str = "",
) -> tuple[Report, str]:
    """One sweep, and the word that its reaper lives; and who switched the reapers off.

    While they are off, everything is looked at, nothing is deleted, and no word is given: so
    nothing that costs money is created either.
    """
    words = beats.read()
    cleaner.acts = not words.off_by
    steps = sweep(cleaner, namespace, cursor=words.get(source, "cursor"), until=until)
    report = run(steps, cleaner.clock)
    if not words.off_by:
        beats.beat(source, sweep_s, report.cursor, version)
    return report, words.off_by


def lambda_handler(event: object, context: Any) -> dict[str, float]:
    """What the schedule calls. Region and endpoints come from the environment."""
    import boto3
    from botocore.config import Config

    how = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 3})
    client = functools.cache(functools.partial(boto3.client, config=how))
    until = time.time() + context.get_remaining_time_in_millis() / 1000 - SPARE_S
    return sweep_and_tell(client, os.environ, until)


def sweep_and_tell(
    client: Callable[[str], Any], environ: Mapping[str, str], until: float
) -> dict[str, float]:
    """One sweep, told to the log, to the metrics and, if there is one, to the topic."""
    namespace = environ["LLMANAGER_NAMESPACE"]
    table, dynamodb = registry_table(namespace), client("dynamodb")
    cleaner: Cleaner[Reapable] = Cleaner(
        DynamoSlots(table, namespace, dynamodb),
        {"endpoint": EndpointReaper(namespace, client, time)},
        time,
        me=f"{LAMBDA}:{secrets.token_hex(8)}",
    )
    beats = Heartbeats(table, namespace, dynamodb, time)
    version = environ.get("LLMANAGER_VERSION", "")
    report, off_by = reap(cleaner, beats, namespace, LAMBDA, until, version=version)
    lines = told(report, off_by)
    for line in lines:
        print(json.dumps(line))
    values = measured(report)
    print(json.dumps(embedded(values, namespace)))
    news = [line for line in lines if line["event"] in NEWS]
    if news and (topic := environ.get("LLMANAGER_TOPIC")):
        text = "\n".join(map(json.dumps, news))
        client("sns").publish(TopicArn=topic, Subject=f"llmanager {namespace}", Message=text)
    return values


def told(report: Report, off_by: str) -> list[dict[str, Any]]:
    """What happened, what could not be judged, and why lives were spared."""
    lines: list[dict[str, Any]] = [{"event": "switched off", "what": off_by}] if off_by else []
    for name in ("done", "unknown", "twins", "rowless", "errors"):
        event = "would be done" if off_by and name == "done" else name
        lines += [{"event": event, "what": each} for each in getattr(report, name)[:TOLD]]
    if report.spared:
        lines.append({"event": "spared", "what": Counter(why for _, _, why in report.spared)})
    if report.cursor:
        lines.append({"event": "out of time", "what": report.cursor})
    return lines


def measured(report: Report) -> dict[str, float]:
    """A sweep in numbers; Spend and Idle are $/h."""
    lists = ("done", "spared", "unknown", "rowless", "twins", "errors")
    counts = {name.title(): float(len(getattr(report, name))) for name in lists}
    return {"Swept": 1.0, **counts, "Spend": report.spend, "Idle": report.idle}


def embedded(values: Mapping[str, float], namespace: str) -> dict[str, Any]:
    """In CloudWatch's embedded metric format."""
    metrics = [{"Name": name} for name in values]
    form = {"Namespace": "llmanager", "Dimensions": [["Namespace"]], "Metrics": metrics}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [form]}
    return {"_aws": about, "Namespace": namespace, **values}
