"""What the one who deletes makes of CloudWatch's answers: unknown unless they are sound."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from llmanager_sdk.aws.reapable import PERIOD, EndpointReaper
from llmanager_sdk.core.life import Life
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.clocks import Turned

READY = 1_800_000_000.0
LIFE = Life(
    1, spec_of("endpoint", "k", {}), {"endpoint": "llm-main-k-1-aa"}, "ready", ready_at=READY
)
PROBE = datetime.fromtimestamp(READY, UTC)
LATER = datetime.fromtimestamp(READY + 7200, UTC)


class CloudWatch:
    """Answers one after the other; the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def get_metric_data(self, **request: Any) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def told(times: Any, values: Any, code: str = "Complete", **more: Any) -> dict[str, Any]:
    result = {"Id": "used", "Timestamps": times, "Values": values, "StatusCode": code}
    return {"MetricDataResults": [result], **more}


def used(*answers: Any, after: float = 10_000.0) -> float | None:
    clock, watch = Turned(), CloudWatch(*answers)
    clock.now = READY + after
    return EndpointReaper("main", lambda service: watch, clock).used_outside(LIFE)


SEEN, SILENT = told([PROBE], [1.0]), told([], [])


def test_only_where_a_use_was_ever_seen_silence_means_no_use() -> None:
    assert used(SILENT, SEEN) == -math.inf
    assert used(SILENT) is None
    assert used(told([PROBE], [0.0]), SEEN) == -math.inf
    assert used(told([PROBE], [0.0])) is None


def test_the_latest_minute_with_an_invocation_counts() -> None:
    assert used(told([LATER, PROBE], [2.0, 1.0])) == LATER.timestamp() + PERIOD
    assert used(told([LATER, PROBE], [0.0, 1.0])) == PROBE.timestamp() + PERIOD


@pytest.mark.parametrize(
    "answer",
    [
        told([LATER], [math.nan]),
        told([LATER], [-1.0]),
        told([LATER], ["1"]),
        told([LATER], [None]),
        told([LATER], []),
        told([], [1.0]),
        told(["2027-01-15"], [1.0]),
        told([None], [0.0]),
        told(None, None),
        told([], [], "PartialData"),
        told([], [], "InternalError"),
        told([], [], NextToken="more"),
        {"MetricDataResults": []},
        {"MetricDataResults": [{}, {}]},
        {"MetricDataResults": None},
        {},
        [],
        None,
        EndpointConnectionError(endpoint_url="http://x"),
        ClientError({"Error": {"Code": "Throttling", "Message": "slow"}}, "GetMetricData"),
    ],
)
def test_whatever_makes_no_sense_is_unknown(answer: Any) -> None:
    assert used(answer) is None
    assert used(SILENT, answer) is None


def test_a_refusal_is_told() -> None:
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetMetricData")
    with pytest.raises(ClientError, match="AccessDenied"):
        used(denied)


@pytest.mark.parametrize("days", [1, 14.5, 16, 62.5, 64, 400, 500])
def test_a_use_is_found_however_long_ago_it_was_ready(days: float) -> None:
    """CloudWatch keeps minutes for 15 days, five minutes for 63, hours for 455."""
    clock = Turned()
    with FakeAws(clock=clock) as aws:
        reaper = EndpointReaper("main", aws.session().client, clock)
        name = LIFE.names["endpoint"]
        aws.services.invocations[name] = [READY]
        if days > 455:
            aws.services.invocations[name].append(READY + 100 * 86400.0)
        clock.now = READY + days * 86400.0
        assert reaper.used_outside(LIFE) == -math.inf
        aws.services.invocations[name].append(clock.now - 600.0)
        found = reaper.used_outside(LIFE)
    assert found == pytest.approx(clock.now - 600.0, abs=PERIOD)
