"""What SageMaker keeps: models, endpoint configs and endpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from llmanager_sdk.testing.aws.rules import invalid


@dataclass
class Thing:
    """A model, a config or an endpoint."""

    name: str
    arn: str
    request: dict[str, Any]
    created: float
    tags: dict[str, str] = field(default_factory=dict)
    status: str = ""
    until: float = 0.0
    then: str = ""
    reason: str = ""
    started: float = 0.0


def types(variant: Any) -> list[str]:
    """The instance types of a variant, in their order."""
    if "InstanceType" in variant:
        return [variant["InstanceType"]]
    return [pool["InstanceType"] for pool in variant.get("InstancePools", [])]


def find(things: dict[str, Thing], name: str, kind: str) -> Thing:
    """One that must be there.

    Raises:
        AwsError: it is not.
    """
    if name not in things:
        raise invalid(f'Could not find {kind} "{name}".')
    return things[name]
