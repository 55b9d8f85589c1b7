"""What the one who deletes needs of a SageMaker endpoint. Nothing here creates, or waits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from llmanager_sdk.aws.answers import missing, transient
from llmanager_sdk.core.life import Life, Names, Seen, Timing
from llmanager_sdk.core.ports import Clock

TIMING = Timing(
    3600, 600, 120, 300, False, poll=10, linger=60, request=75, creation=2700, backoff=60
)
SEEN: Mapping[str, Seen] = {
    **dict.fromkeys(("Creating", "Updating", "SystemUpdating", "RollingBack"), Seen.PENDING),
    **dict.fromkeys(("Failed", "OutOfService", "UpdateRollbackFailed"), Seen.BROKEN),
    "InService": Seen.READY,
    "Deleting": Seen.GOING,
}

PARTS = {
    "endpoint": ("endpoint", "Endpoint"),
    "config": ("endpoint_config", "EndpointConfig"),
    "model": ("model", "Model"),
}

VARIANT = "AllTraffic"
PERIOD = 60
HOUR = 3600  # CloudWatch keeps minutes for 15 days, hours for 455
LOOK_BACK_S = 3 * 3600.0  # no metric is later than this
PROBE_S = 900.0  # before readiness
KEPT_S = 450 * 86400.0
NONSENSE = AttributeError, KeyError, TypeError, ValueError


def prefix(namespace: str) -> str:
    """What all names of a namespace begin with."""
    return f"llm-{namespace}-"


def scalable(life: Life) -> dict[str, str]:
    """For Application Auto Scaling."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{life.names['endpoint']}/variant/{VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }


class EndpointReaper:
    """Endpoints of one namespace."""

    timing = TIMING

    def __init__(self, namespace: str, client: Callable[[str], Any], clock: Clock) -> None:
        self.namespace = namespace
        self._client = client
        self._clock = clock

    def list(self, namespace: str) -> Iterator[Names]:
        """All names that begin as ours do."""
        start = prefix(namespace)
        for part, (stem, noun) in PARTS.items():
            pages = self._client("sagemaker").get_paginator(f"list_{stem}s")
            for page in pages.paginate(NameContains=start, PaginationConfig={"PageSize": 100}):
                names = (each[f"{noun}Name"] for each in page[f"{noun}s"])
                yield from ({part: name} for name in names if name.startswith(start))

    def observe(self, life: Life) -> Seen:
        """A part without its endpoint is BROKEN; ABSENT is when none is left."""
        try:
            found = self._call("describe", life, "endpoint")
            if found is not None:
                return SEEN.get(str(found.get("EndpointStatus")), Seen.UNKNOWN)
            left = self._call("describe", life, "config") or self._call("describe", life, "model")
        except Exception as error:
            if transient(error):
                return Seen.UNKNOWN
            raise
        return Seen.ABSENT if left is None else Seen.BROKEN

    def _call(self, verb: str, life: Life, part: str) -> Any:
        """None if the part is not there."""
        stem, noun = PARTS[part]
        call = getattr(self._client("sagemaker"), f"{verb}_{stem}")
        return _unless_missing(call, {f"{noun}Name": life.names[part]})

    def used_outside(self, life: Life) -> float | None:
        """The last use that CloudWatch counted.

        The probe at readiness was an invocation: only if one was ever seen, none now means none.
        """
        name, now = life.names["endpoint"], self._clock.time()
        born = max(now - KEPT_S, life.ready_at - PROBE_S)
        try:
            last = self._last(name, max(now - LOOK_BACK_S, born), now, PERIOD)
            if last is None and self._last(name, born, now, HOUR) is None:
                return None
        except Exception as error:
            if transient(error) or isinstance(error, NONSENSE):
                return None
            raise
        return -math.inf if last is None else last

    def _last(self, name: str, start: float, end: float, period: int) -> float | None:
        named = {"EndpointName": name, "VariantName": VARIANT}
        metric = {
            "Namespace": "AWS/SageMaker",
            "MetricName": "Invocations",
            "Dimensions": [{"Name": key, "Value": value} for key, value in named.items()],
        }
        query = {"Id": "used", "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}}
        answer = self._client("cloudwatch").get_metric_data(
            MetricDataQueries=[query],
            StartTime=datetime.fromtimestamp(start, UTC),
            EndTime=datetime.fromtimestamp(end + PERIOD, UTC),
        )
        return _latest(answer)

    def delete(self, life: Life) -> None:
        """Without its config, nobody would see what an endpoint costs."""
        try:
            found = self._call("describe", life, "endpoint")
            if found is None:
                self._unscale(life)
                for part in ("config", "model"):
                    if self._call("describe", life, part) is not None:  # else denied
                        self._call("delete", life, part)
            elif SEEN.get(str(found.get("EndpointStatus"))) in (Seen.READY, Seen.BROKEN):
                with suppress(Exception):  # told when the endpoint is gone
                    self._unscale(life)
                self._call("delete", life, "endpoint")
        except Exception as error:
            if not transient(error):
                raise  # else the next look finds what became of it

    def _unscale(self, life: Life) -> None:
        body = life.spec.body
        if int(body.get("max_instances", 1)) > int(body.get("instances", 1)):
            scaler = self._client("application-autoscaling")
            _unless_missing(scaler.deregister_scalable_target, scalable(life))


def _unless_missing(call: Callable[..., Any], request: Mapping[str, str]) -> Any:
    try:
        return call(**request)
    except Exception as error:
        if missing(error):
            return None
        raise


def _latest(answer: Mapping[str, Any]) -> float | None:
    (result,) = answer["MetricDataResults"]
    ends = [time.timestamp() + PERIOD for time in result["Timestamps"]]
    pairs = list(zip(ends, result["Values"], strict=True))
    # NaN compares false with everything.
    sound = all(value >= 0 for _, value in pairs) and not answer.get("NextToken")
    if not sound or result["StatusCode"] != "Complete":
        raise ValueError
    return max((end for end, value in pairs if value > 0), default=None)
