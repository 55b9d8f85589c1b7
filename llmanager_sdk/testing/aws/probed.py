"""What `llmanager doctor --live` asks of an account beside: roles that are new, prices."""

from __future__ import annotations

import json
from typing import Any

from llmanager_sdk.catalog import data
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.testing.aws.rules import ACCOUNT, AwsError, no_role

ROLE_DELAY_S = 10.0
"""Fact: a new role cannot be assumed at once (about 10 to 30 s)."""

ELSEWHERE = 1.12
"""Other regions are dearer than the one whose prices the catalog has."""


class Roles:
    """IAM's roles, as far as SageMaker notices them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[str, float] = {}

    def create(self, name: str) -> dict[str, Any]:
        """A role."""
        arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        self._made[arn] = self._clock.time()
        about = {"Path": "/", "RoleName": name, "RoleId": "AROAFAKEFAKEFAKEFAKE", "Arn": arn}
        return {"Role": about | {"CreateDate": "2026-11-27T00:00:00Z"}}

    def delete(self, name: str) -> dict[str, Any]:
        """It is gone."""
        if self._made.pop(f"arn:aws:iam::{ACCOUNT}:role/{name}", None) is None:
            raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)
        return {}

    def left(self) -> list[str]:
        """Those that exist."""
        return list(self._made)

    def check(self, arn: str) -> None:
        """Refuse a role that was made a moment ago; any that was not made here is an old one."""
        if self._clock.time() < self._made.get(arn, 0.0) + ROLE_DELAY_S:
            raise no_role(arn)


def products(request: dict[str, Any]) -> dict[str, Any]:
    """The price list's answer for hosting on one instance type, as JSON in JSON."""
    wanted = {each["Field"]: each["Value"] for each in request.get("Filters", [])}
    kind, region = wanted.get("instanceName", ""), wanted.get("regionCode", "")
    known = data.instances().get(kind)
    if known is None or known.price is None:
        return {"FormatVersion": "aws_v1", "PriceList": []}
    price = data.price(kind, region) or known.price * ELSEWHERE
    about = {"component": "Hosting", "instanceName": kind, "usagetype": f"Host:{kind}"}
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": f"{price:.10f}"}}
    terms = {"OnDemand": {"x": {"priceDimensions": {"x": dimension}}}}
    training = {"product": {"attributes": {"component": "Training"}}, "terms": {}}
    hosting = {"product": {"attributes": about}, "terms": terms}
    listed = [json.dumps(each) for each in (hosting, training)]
    return {"FormatVersion": "aws_v1", "PriceList": listed}
