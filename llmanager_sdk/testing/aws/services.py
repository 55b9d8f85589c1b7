"""The small services beside SageMaker: identity, quotas, permissions, metrics, logs, scaling."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from llmanager_sdk.core.ports import Clock
from llmanager_sdk.testing.aws.probed import Roles, products
from llmanager_sdk.testing.aws.rules import ACCOUNT, AwsError, Rules
from llmanager_sdk.testing.aws.simulator import simulate
from llmanager_sdk.testing.aws.tokens import Tokens


class Services:
    """Everything small of one account.

    Args:
        rules: quotas, denials, how late metrics are.
    """

    def __init__(self, rules: Rules, region: str, clock: Clock) -> None:
        self.rules = rules
        self.region = region
        self.clock = clock
        self._lock = threading.Lock()
        self.invocations: dict[str, list[float]] = defaultdict(list)
        self.lines: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self.targets: dict[str, dict[str, Any]] = {}
        self.roles = Roles(clock)
        self.tokens = Tokens(clock)

    def invoked(self, endpoint: str) -> None:
        """Count one invocation."""
        with self._lock:
            self.invocations[endpoint].append(self.clock.time())

    def wrote(self, endpoint: str, text: str) -> None:
        """A container wrote a line."""
        with self._lock:
            self.lines[endpoint].append((self.clock.time(), text))

    def plays(self, operation: str) -> bool:
        """Whether this operation is one of its own."""
        return bool(operation) and hasattr(self, f"_{operation}")

    def call(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Carry one operation out.

        Raises:
            AwsError: it is not played here, or refused.
        """
        known = getattr(self, f"_{operation}", None)
        if known is None:
            raise AwsError("UnknownOperationException", f"{service}:{operation} is not played here")
        with self._lock:
            answer: dict[str, Any] = known(request)
            return answer

    # -- identity, permissions, quotas ---------------------------------------------------------

    def _GetCallerIdentity(self, request: Any) -> dict[str, Any]:
        return {"UserId": "AROAFAKE:me", "Account": ACCOUNT, "Arn": self.rules.caller}

    def _AssumeRole(self, request: Any) -> dict[str, Any]:
        return self.tokens.assume(request)

    def _SimulatePrincipalPolicy(self, request: Any) -> dict[str, Any]:
        return simulate(self.rules, request)

    def _CreateRole(self, request: Any) -> dict[str, Any]:
        return self.roles.create(request["RoleName"])

    def _DeleteRole(self, request: Any) -> dict[str, Any]:
        return self.roles.delete(request["RoleName"])

    def _GetProducts(self, request: Any) -> dict[str, Any]:
        return products(request)

    def _ListServiceQuotas(self, request: Any) -> dict[str, Any]:
        kinds = sorted({*self.rules.quota, *_TYPES})
        quotas = [
            {
                "ServiceCode": "sagemaker",
                "QuotaName": f"{kind} for endpoint usage",
                "QuotaCode": f"L-{sum(map(ord, kind)):08X}",
                "Value": float(self.rules.quota.get(kind, self.rules.any_quota)),
            }
            for kind in kinds
        ]
        start = int(request.get("NextToken") or 0)
        more = {"NextToken": str(start + 3)} if start + 3 < len(quotas) else {}
        return {"Quotas": quotas[start : start + 3], **more}

    # -- metrics, logs, scaling ----------------------------------------------------------------

    def _GetMetricData(self, request: Any) -> dict[str, Any]:
        results = []
        for query in request["MetricDataQueries"]:
            stat = query["MetricStat"]
            named = {d["Name"]: d["Value"] for d in stat["Metric"]["Dimensions"]}
            period = float(stat["Period"])
            start, end = _seconds(request["StartTime"]), _seconds(request["EndTime"])
            now = self.clock.time()
            seen = now - self.rules.metric_delay
            too_fine = start < now - _kept(period)
            minutes: dict[float, float] = defaultdict(float)
            for at in self.invocations.get(named["EndpointName"], []):
                if start <= at < end and at <= seen and not too_fine:
                    minutes[at // period * period] += 1.0
            times = sorted(minutes, reverse=True)
            results.append(
                {
                    "Id": query["Id"],
                    "Label": stat["Metric"]["MetricName"],
                    "Timestamps": times,
                    "Values": [minutes[at] for at in times],
                    "StatusCode": "Complete",
                }
            )
        return {"MetricDataResults": results, "Messages": []}

    def _DescribeLogGroups(self, request: Any) -> dict[str, Any]:
        group = "/aws/sagemaker/Endpoints/"
        found = [
            {"logGroupName": group + name, "storedBytes": sum(len(text) for _, text in lines)}
            for name, lines in sorted(self.lines.items())
            if (group + name).startswith(request.get("logGroupNamePrefix", ""))
        ]
        return {"logGroups": found}

    def _DescribeLogStreams(self, request: Any) -> dict[str, Any]:
        name = self._endpoint(request)
        return {"logStreams": [{"logStreamName": f"AllTraffic/{name}"}]}

    def _GetLogEvents(self, request: Any) -> dict[str, Any]:
        lines = self.lines[self._endpoint(request)][-int(request.get("limit", 100)) :]
        return {"events": [{"timestamp": int(at * 1000), "message": text} for at, text in lines]}

    def _endpoint(self, request: Any) -> str:
        name = str(request["logGroupName"]).rpartition("/")[2]
        if name not in self.lines:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return name

    def _RegisterScalableTarget(self, request: Any) -> dict[str, Any]:
        self.targets[request["ResourceId"]] = request
        return {}

    def _PutScalingPolicy(self, request: Any) -> dict[str, Any]:
        if request["ResourceId"] not in self.targets:
            raise AwsError("ObjectNotFoundException", "No scalable target registered")
        return {"PolicyARN": f"arn:aws:autoscaling:{self.region}:{ACCOUNT}:scalingPolicy:x"}

    def _DeregisterScalableTarget(self, request: Any) -> dict[str, Any]:
        if self.targets.pop(request["ResourceId"], None) is None:
            raise AwsError("ObjectNotFoundException", "No scalable target found")
        return {}


_TYPES = tuple(
    f"ml.{family}.{size}"
    for family in ("c6i", "g5", "g6", "g6e")
    for size in ("xlarge", "2xlarge", "12xlarge")
)


def _kept(period: float) -> float:
    """So long ago a question may begin; one that begins earlier finds nothing."""
    days = next(days for days, step in ((455, 3600), (63, 300), (15, 60)) if period % step == 0)
    return days * 86400.0


def _seconds(value: Any) -> float:
    stamp = getattr(value, "timestamp", None)
    return float(stamp()) if callable(stamp) else float(value)
