"""What the one who deletes needs of a SageMaker endpoint: list, observe, used_outside, delete.

Stdlib and clients of boto3 that are passed in. Nothing here creates anything or waits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from llmanager_sdk.aws.faults import in_progress, missing, transient, translate
from llmanager_sdk.aws.requests import VARIANT, prefix, scalable
from llmanager_sdk.core.life import Life, Seen, Timing
from llmanager_sdk.core.ports import Clock

TIMING = Timing(
    idle=3600.0,
    max_call=600.0,
    margin=120.0,
    worker=300.0,
    sees_open_calls=False,
    poll=10.0,
    linger=60.0,
    request=75.0,
    creation=2700.0,
    backoff=60.0,
)
"""The durations of this platform. `request` is `account.REQUEST_S`."""

SEEN: Mapping[str, Seen] = {
    "Creating": Seen.PENDING,
    "Updating": Seen.PENDING,
    "SystemUpdating": Seen.PENDING,
    "RollingBack": Seen.PENDING,
    "InService": Seen.READY,
    "Deleting": Seen.GOING,
    "Failed": Seen.BROKEN,
    "OutOfService": Seen.BROKEN,
    "UpdateRollbackFailed": Seen.BROKEN,
}
"""EndpointStatus, of botocore's service model; any other one is unknown."""

PERIOD = 60
LOOK_BACK_S = 3 * 3600.0
"""How far back a use is looked for: a metric that is later than this says nothing any more."""
PROBE_S = 900.0
"""Around its readiness the probe's own datapoint must be visible: the positive control."""


class EndpointReaper:
    """SageMaker endpoints of one namespace, for whoever deletes.

    Args:
        namespace: whose.
        client: makes a client of boto3 for a service.
        clock: this process's time.
    """

    timing = TIMING

    def __init__(self, namespace: str, client: Any, clock: Clock) -> None:
        self.namespace = namespace
        self._client = client
        self._clock = clock
        self._controls: set[str] = set()  # endpoints whose probe was seen

    @property
    def _sagemaker(self) -> Any:
        return self._client("sagemaker")

    # -- looking -------------------------------------------------------------------------------

    def list(self, namespace: str) -> Iterator[Mapping[str, str]]:
        """Names of everything that begins as this namespace's names do.

        A name alone makes nothing ours: what no row knows is reported, and never deleted.
        """
        for part, operation, field, key in _LISTS:
            pages = self._sagemaker.get_paginator(operation).paginate(
                NameContains=prefix(namespace)
            )
            try:
                for page in pages:
                    for each in page[field]:
                        if each[key].startswith(prefix(namespace)):
                            yield {part: each[key]}
            except Exception as error:
                raise translate(error, resource=namespace) from error

    def observe(self, life: Life) -> Seen:
        """One look. A part without its endpoint is BROKEN; ABSENT is when none is left."""
        try:
            found = self._describe(life)
            if found is not None:
                return SEEN.get(str(found.get("EndpointStatus")), Seen.UNKNOWN)
            left = self._has("config", life) or self._has("model", life)
        except Exception as error:
            if transient(error):
                return Seen.UNKNOWN
            raise translate(error, resource=life.names["endpoint"]) from error
        return Seen.BROKEN if left else Seen.ABSENT

    def _describe(self, life: Life) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._sagemaker.describe_endpoint(
                EndpointName=life.names["endpoint"]
            )
            return found
        except Exception as error:
            if missing(error):
                return None
            raise

    def _has(self, part: str, life: Life) -> bool:
        describe, _, key = _CALLS[part]
        try:
            getattr(self._sagemaker, describe)(**{key: life.names[part]})
            return True
        except Exception as error:
            if missing(error):
                return False
            raise

    def used_outside(self, life: Life) -> float | None:
        """The last use that CloudWatch counted; -inf for none, None where it cannot be known.

        The probe of `finish` was an invocation. Only while its datapoint is to be seen does the
        lack of later ones mean that there were none.
        """
        name, now = life.names["endpoint"], self._clock.time()
        try:
            if name not in self._controls:
                around = life.ready_at - PROBE_S, min(life.ready_at + PROBE_S, now)
                if self._last(name, *around) is None:
                    return None
                self._controls.add(name)
            last = self._last(name, max(now - LOOK_BACK_S, life.ready_at - PROBE_S), now)
        except _Unclear:
            return None
        except Exception as error:
            if transient(error):
                return None
            raise translate(error, resource=name) from error
        return -math.inf if last is None else last

    def _last(self, name: str, start: float, end: float) -> float | None:
        """The end of the last minute with an invocation; None if there was none."""
        answer = self._client("cloudwatch").get_metric_data(
            MetricDataQueries=[
                {
                    "Id": "used",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "AWS/SageMaker",
                            "MetricName": "Invocations",
                            "Dimensions": [
                                {"Name": "EndpointName", "Value": name},
                                {"Name": "VariantName", "Value": VARIANT},
                            ],
                        },
                        "Period": PERIOD,
                        "Stat": "Sum",
                    },
                }
            ],
            StartTime=_date(start),
            EndTime=_date(end + PERIOD),
        )
        return _latest(answer)

    # -- deleting ------------------------------------------------------------------------------

    def delete(self, life: Life) -> None:
        """One push: the endpoint first, and only when it is gone its config and its model.

        A config that goes before its endpoint would hide what the endpoint costs.
        """
        try:
            found = self._describe(life)
            if found is None:
                self._remove("config", life)
                self._remove("model", life)
            elif SEEN.get(str(found.get("EndpointStatus"))) in (Seen.READY, Seen.BROKEN):
                self._unscale(life)
                self._remove("endpoint", life)
        except Exception as error:
            if in_progress(error) or transient(error):
                return  # the next look finds what became of it
            raise translate(error, resource=life.names["endpoint"]) from error

    def _remove(self, part: str, life: Life) -> None:
        _, delete, key = _CALLS[part]
        try:
            getattr(self._sagemaker, delete)(**{key: life.names[part]})
        except Exception as error:
            if not missing(error):
                raise

    def _unscale(self, life: Life) -> None:
        if int(life.spec.body.get("max_instances", 1)) > int(life.spec.body.get("instances", 1)):
            try:
                self._client("application-autoscaling").deregister_scalable_target(**scalable(life))
            except Exception as error:
                if not missing(error):
                    raise


_LISTS = (
    ("endpoint", "list_endpoints", "Endpoints", "EndpointName"),
    ("config", "list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
    ("model", "list_models", "Models", "ModelName"),
)
_CALLS = {
    "endpoint": ("describe_endpoint", "delete_endpoint", "EndpointName"),
    "config": ("describe_endpoint_config", "delete_endpoint_config", "EndpointConfigName"),
    "model": ("describe_model", "delete_model", "ModelName"),
}


class _Unclear(Exception):
    """CloudWatch answered, and what it said makes no sense."""


def _latest(answer: Mapping[str, Any]) -> float | None:
    results = answer.get("MetricDataResults")
    if not isinstance(results, list) or len(results) != 1:
        raise _Unclear
    result = results[0]
    times, values = result.get("Timestamps"), result.get("Values")
    if result.get("StatusCode") != "Complete" or answer.get("NextToken"):
        raise _Unclear
    if not isinstance(times, list) or not isinstance(values, list) or len(times) != len(values):
        raise _Unclear
    last: float | None = None
    for time, value in zip(times, values, strict=True):
        if not isinstance(time, datetime) or not isinstance(value, int | float):
            raise _Unclear
        if math.isnan(value) or value < 0:
            raise _Unclear
        if value > 0:
            last = max(last or 0.0, time.timestamp() + PERIOD)
    return last


def _date(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
