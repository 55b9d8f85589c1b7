"""Who asks, where, with which permissions and quotas, and whether the clock is right."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from llmanager_sdk.aws.faults import translate
from llmanager_sdk.aws.reapable import TIMING, prefix
from llmanager_sdk.aws.reaper import registry_table
from llmanager_sdk.aws.simulated import Actions, of_life, simulate, unanswered
from llmanager_sdk.catalog import data
from llmanager_sdk.doctor.finding import Check, Finding

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform

QUOTA = " for endpoint usage"
"""What the names of the quotas that count end with."""
LOOK, USE = "look at everything", "use models and create them"
_LISTS = [f"sagemaker:List{each}" for each in ("Endpoints", "EndpointConfigs", "Models")]


class AccountChecks:
    """Checks of an account.

    Args:
        platform: whose account, namespace and clock.
    """

    def __init__(self, platform: AwsPlatform) -> None:
        self._platform = platform
        self._account = platform.account
        self._clock = platform.keeper.engine.clock

    def checks(self) -> dict[str, Check]:
        """By their names."""
        return {
            "identity": self.identity,
            "region": self.region,
            "clock": self.clock,
            "permissions": self.permissions,
            "quotas": self.quotas,
        }

    def identity(self) -> Finding:
        """Who asks."""
        who = self._account.identity()
        return Finding(True, f"{who.arn} in account {who.account}")

    def region(self) -> Finding:
        """Where everything is, and where its prices come from."""
        region = self._account.region
        known = any(data.price(name, region) is not None for name in data.instances())
        prices = "" if known else "; its prices are read from AWS's price list, or say price=..."
        return Finding(True, f"{region}{prices}")

    def clock(self) -> Finding:
        """This machine's clock against the server's `Date`."""
        began = self._clock.time()
        try:
            told = self._account.client("sts").get_caller_identity()
        except Exception as error:
            raise translate(error, step="ask for the time") from error
        ended = self._clock.time()
        date = told["ResponseMetadata"]["HTTPHeaders"].get("date")
        if not date:
            return Finding(None, "the server did not say what time it is")
        off = (began + ended) / 2 - parsedate_to_datetime(date).timestamp()
        most = TIMING.margin / 2
        text = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} AWS; {most:.0f} s are safe"
        return Finding(abs(off) <= most, text if abs(off) >= 2 else "as AWS's")

    # -- permissions ---------------------------------------------------------------------------

    def permissions(self) -> Finding:
        """What a simulation of this caller's policies says."""
        namespace = self._platform.settings.namespace
        try:
            told = {
                what: simulate(self._account, namespace, self._needed(what)) for what in (LOOK, USE)
            }
        except Exception as error:
            return _not_looked_at(error, "iam:SimulatePrincipalPolicy")
        lacking = [f"to {k}: {', '.join(x.denied)}" for k, x in told.items() if x.denied]
        if lacking:
            hint = "attach the stack's ReadOnlyPolicy and UserPolicy to this caller"
            return Finding(False, f"{'; '.join(lacking)} is missing; {hint}")
        if unclear := [str(x) for x in told.values() if x.open]:
            return Finding(None, f"not looked at: {'; '.join(unclear)}")
        return Finding(True, "enough to look at everything, and to create and use models")

    def _needed(self, what: str) -> Actions:
        namespace, account = self._platform.settings.namespace, self._account
        name, where = f"{prefix(namespace)}doctor", f"{account.region}:{account.identity().account}"
        table = f"dynamodb:{where}:table/{registry_table(namespace)}"
        if what == USE:
            tags = {f"sagemaker:{where}:model/{name}-tags": ["sagemaker:AddTags"]}
            return {**of_life(account, name), **tags, table: ["dynamodb:PutItem"]}
        return {
            "*": [*_LISTS, "cloudwatch:GetMetricData"],
            f"sagemaker:{where}:endpoint/{name}": [
                "sagemaker:DescribeEndpoint",
                "sagemaker:ListTags",
            ],
            table: ["dynamodb:GetItem", "dynamodb:Query"],
        }

    # -- quotas --------------------------------------------------------------------------------

    def quotas(self) -> Finding:
        """Which of the instance types that are known here the account may use."""
        try:
            found = self._quotas()
        except Exception as error:
            return _not_looked_at(error, "servicequotas:ListServiceQuotas")
        may = {name: found[name] for name in data.instances() if found.get(name, 0.0) >= 1}
        none = [name for name in data.instances() if found.get(name) == 0.0]
        if not found:
            return Finding(None, "none is listed for endpoints in this region")
        told = ", ".join(f"{name} ({value:g})" for name, value in may.items())
        if not may:
            first = ", ".join(none[:3])
            return Finding(
                False,
                f"no instance type may be used for endpoints (0 of {first}, ...): ask for more in "
                "the console of Service Quotas, SageMaker, 'for endpoint usage'",
            )
        rest = f"; {len(none)} other types: 0" if none else ""
        return Finding(True, f"{told}{rest}")

    def _quotas(self) -> dict[str, float]:
        found: dict[str, float] = {}
        pages: Any = self._account.client("service-quotas").get_paginator("list_service_quotas")
        for page in pages.paginate(ServiceCode="sagemaker"):
            for each in page["Quotas"]:
                name, ends, _ = each["QuotaName"].partition(QUOTA)
                if ends:
                    found[name] = float(each["Value"])
        return found


def _not_looked_at(error: Exception, action: str) -> Finding:
    return Finding(None, f"not looked at: {unanswered(error, action)}")
