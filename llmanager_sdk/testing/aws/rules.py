"""How the account behaves, and what AWS would say. Facts: docs/facts.md, by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "123456789012"


@dataclass
class Rules:
    """Times in seconds of the fake's clock.

    Attributes:
        creating: from CreateEndpoint to InService (fact: states take minutes).
        updating, deleting: how long those take.
        visible: after so long a config that was accepted is seen by CreateEndpoint (fact: the
            service reads it eventually consistently).
        metric_delay: how late an invocation is in CloudWatch (fact: 1 to 3 minutes).
        quota: instances of a type for endpoint usage; others have `any_quota`.
        capacity: types that are never free (fact: InsufficientInstanceCapacity comes later, as a
            FailureReason).
        crashing: models whose container ends again and again.
        absent: weights in S3, images, subnets and roles that are not there.
        caller: who asks, as STS says.
        paths: of roles that have one, by name; no ARN of a session holds it.
        denied: actions that the caller may not do.
        conditions: keys by which the caller's policies allow anything.
        jumpstart: documents of SageMakerPublicHub, by the name of their model.
        change_set: how long CloudFormation takes for a change set.
        stack_step: how long it takes for one step of one resource.
        stack_lag: how long it takes until what it accepted is to be seen.
        uncreatable, undeletable: resources of stacks that fail, and why.
    """

    creating: float = 2.0
    updating: float = 1.0
    deleting: float = 1.0
    visible: float = 0.3
    metric_delay: float = 0.0
    quota: Mapping[str, int] = field(default_factory=dict)
    any_quota: int = 4
    capacity: set[str] = field(default_factory=set)
    crashing: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    caller: str = f"arn:aws:sts::{ACCOUNT}:assumed-role/dev/me"
    paths: dict[str, str] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    conditions: set[str] = field(default_factory=set)
    jumpstart: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    change_set: float = 1.0
    stack_step: float = 1.0
    stack_lag: float = 0.3
    uncreatable: dict[str, str] = field(default_factory=dict)
    undeletable: dict[str, str] = field(default_factory=dict)


class AwsError(Exception):
    """What a service answers instead of success."""

    def __init__(
        self, code: str, message: str, status: int = 400, more: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.more = more or {}
        self.code = code
        self.message = message
        self.status = status


def invalid(message: str) -> AwsError:
    """SageMaker's answer to nearly everything that is wrong."""
    return AwsError("ValidationException", message)


def no_role(arn: str) -> AwsError:
    """Fact: the text for a role that is not there, is new, or trusts somebody else."""
    return invalid(
        f"Could not assume role {arn}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role."
    )


def refused_model(request: Mapping[str, Any], absent: set[str]) -> Iterator[AwsError]:
    """What CreateModel does not take; each text as others report it."""
    container = request.get("PrimaryContainer") or {}
    if request["ExecutionRoleArn"] in absent:
        yield no_role(request["ExecutionRoleArn"])
    source = (container.get("ModelDataSource") or {}).get("S3DataSource") or {}
    if source.get("S3Uri") in absent:
        yield invalid(f"Could not find model data at {source['S3Uri']}.")
    if container.get("Image") in absent:
        yield invalid(f"Requested image {container['Image']} not found.")
    subnets = (request.get("VpcConfig") or {}).get("Subnets") or []
    yield from (invalid(f"The subnet ID '{x}' does not exist") for x in subnets if x in absent)


def quota(kind: str, limit: int, used: int) -> AwsError:
    """Fact: the text of ResourceLimitExceeded."""
    return AwsError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{kind} for endpoint usage' is {limit} Instances, with "
        f"current utilization of {used} Instances and a request delta of 1 Instances. Please use "
        "AWS Service Quotas to request an increase for this quota.",
    )


NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type or after some time."
)
"""Fact: a FailureReason."""
CRASHED = (
    "The primary container for production variant AllTraffic did not pass the ping health check."
)

RESTARTED = 60.0
"""From one end of a container to the next one."""
STARTS = (
    "INFO [api_server.py:1272] vLLM API server version 0.30.0",
    "Traceback (most recent call last):",
    "ImportError: an optional kernel is not there",
    "During handling of the above exception, another exception occurred:",
    "Traceback (most recent call last):",
    "ImportError: nor is the one instead of it",
    "INFO falling back to the default kernel",
)
"""Fact: a container that starts well writes tracebacks, too."""
ENDS = (
    "torch.OutOfMemoryError: CUDA out of memory.",
    "Traceback (most recent call last):",
    "RuntimeError: Engine core initialization failed. See root cause above.",
)
"""Fact: one end has several last words."""
