"""One sweep as a living reaper, and the Lambda that makes it.

What reapers say is in the registry's table at pk = the namespace with "#reaper": sk = "lambda" or
"watch@host", until when one counts as alive and where its next sweep goes on; "switch", who says
that nothing is deleted.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from llmanager_sdk.aws.reapable import EndpointReaper
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.ports import Clock, Reapable
from llmanager_sdk.core.sweep import Cleaner, Report, sweep
from llmanager_sdk.registry.dynamodb import DynamoSlots, query

LAMBDA, SWITCH = "lambda", "switch"
SWEEP_S = 300.0  # between two sweeps
BEATS = 3  # sweeps without a word, and a reaper counts as dead
SPARE_S = 30.0  # for the last key and the report
TOLD = 200  # of a kind, in the log
NEWS = ("done", "twins", "errors")  # states that last are for the alarms

LATER = "attribute_not_exists(expires) OR expires < :at"
"""A heartbeat never goes back.

    A writes 10:15 ... B writes 10:20 ... A's repeated request (10:20 is later: fails)
"""


def registry_table(namespace: str) -> str:
    """Its name."""
    return f"llmanager-{namespace}-registry"


class Heartbeats:
    """What reapers say."""

    def __init__(self, table: str, namespace: str, client: Any, clock: Clock) -> None:
        self._table = table
        self._pk = f"{namespace}#reaper"
        self._client = client
        self._clock = clock

    def read(self) -> dict[str, dict[str, str]]:
        """By source, the attributes as text."""
        found = query(self._client, self._table, self._pk)["Items"]
        plain = ({name: next(iter(x.values())) for name, x in item.items()} for item in found)
        return {item["sk"]: item for item in plain}

    def beat(self, source: str, sweep_s: float = SWEEP_S, cursor: str = "") -> None:
        """A sweep is done."""
        errors = self._client.exceptions
        with suppress(errors.ConditionalCheckFailedException, errors.ResourceNotFoundException):
            self._write(source, sweep_s, cursor)

    def _write(self, source: str, sweep_s: float, cursor: str) -> None:
        at = repr(self._clock.time() + BEATS * sweep_s)
        self._client.update_item(
            **self._item(source),
            UpdateExpression="SET expires = :at, #cursor = :cursor",
            ConditionExpression=LATER,
            ExpressionAttributeNames={"#cursor": "cursor"},
            ExpressionAttributeValues={":at": {"N": at}, ":cursor": {"S": cursor}},
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
) -> tuple[Report, str]:
    """One sweep, and the word that its reaper lives; and who switched the reapers off.

    Then nothing is deleted, and for want of a word nothing is created.
    """
    words = beats.read()
    off_by = words.get(SWITCH, {}).get("off_by", "")
    cleaner.acts = not off_by
    cursor = words.get(source, {}).get("cursor", "")
    report = run(sweep(cleaner, namespace, cursor=cursor, until=until), cleaner.clock)
    if not off_by:
        beats.beat(source, sweep_s, report.cursor)
    return report, off_by


def lambda_handler(event: object, context: Any) -> dict[str, Any]:
    """What the schedule calls."""
    import boto3
    from botocore.config import Config

    how = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 3})
    client = functools.cache(functools.partial(boto3.client, config=how))
    until = time.time() + context.get_remaining_time_in_millis() / 1000 - SPARE_S
    return sweep_and_tell(client, os.environ, until)


def sweep_and_tell(
    client: Callable[[str], Any], environ: Mapping[str, str], until: float, clock: Clock = time
) -> dict[str, Any]:
    """One sweep, told to log, metrics and topic."""
    namespace = environ["LLMANAGER_NAMESPACE"]
    table, dynamodb = registry_table(namespace), client("dynamodb")
    cleaner: Cleaner[Reapable] = Cleaner(
        DynamoSlots(table, namespace, dynamodb),
        {"endpoint": EndpointReaper(namespace, client, clock)},
        clock,
        me=f"{LAMBDA}:{namespace}",  # the next sweep goes on with what this one began
    )
    beats = Heartbeats(table, namespace, dynamodb, clock)
    report, off_by = reap(cleaner, beats, namespace, LAMBDA, until)
    lines = [(line["event"], json.dumps(line)) for line in told(report, off_by)]
    for _, line in lines:
        print(line)
    news = "\n".join(line for event, line in lines if event in NEWS)
    if news and (topic := environ.get("LLMANAGER_TOPIC")):
        try:
            client("sns").publish(TopicArn=topic, Subject=f"llmanager {namespace}", Message=news)
        except Exception as error:  # the sweep is done
            report.errors.append(("topic", str(error)))
            print(json.dumps({"event": "topic", "what": str(error)}))
    metrics = measured(report, namespace)
    print(json.dumps(metrics))
    return metrics


def told(report: Report, off_by: str) -> list[dict[str, Any]]:
    """Lines of the log."""
    why = Counter(why for _, _, why in report.spared)
    states = (("switched off", off_by), ("spared", why), ("out of time", report.cursor))
    lines = [{"event": event, "what": what} for event, what in states if what]
    for name in ("done", "unknown", "twins", "rowless", "errors"):
        event = "would be done" if off_by and name == "done" else name
        lines += [{"event": event, "what": each} for each in getattr(report, name)[:TOLD]]
    return lines


def measured(report: Report, namespace: str) -> dict[str, Any]:
    """In CloudWatch's embedded metric format."""
    values: dict[str, Any] = {"Swept": 1, "Spend": report.spend, "Idle": report.idle}
    for name in ("done", "spared", "unknown", "rowless", "twins", "errors"):
        values[name.title()] = len(getattr(report, name))
    metrics = [{"Name": name} for name in values]
    form = {"Namespace": "llmanager", "Dimensions": [["Namespace"]], "Metrics": metrics}
    about = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [form]}
    return {"_aws": about, "Namespace": namespace, **values}
