"""What an hour of an instance costs by AWS's price list, in regions whose prices are not bundled.

That the component is called "Hosting" is not verified on a live account (docs/facts.md); any
product of which it or the kind of usage speaks of a host is taken, and two prices are no price.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from llmanager_sdk.aws.account import Account
from llmanager_sdk.aws.answers import transient
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.catalog.choose import price_of
from llmanager_sdk.dynamodb_table import unknown_caller

REGION = "us-east-1"
"""Where the price list of all regions is asked for."""
PATIENCE = {"connect_timeout": 2.0, "read_timeout": 5.0, "retries": {"total_max_attempts": 2}}
"""A first use waits for this; a private network may have no way to the price list."""
SAY_IT = "say the price: price=1.41 ($/h of one instance)"


class Prices:
    """What instances cost in one account's region; what is not known is asked for, once.

    Args:
        account: whose; needs `pricing:GetProducts` outside the region whose prices are known.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._found: dict[str, float] = {}

    def dearest(self, types: Sequence[str]) -> float | None:
        """$/h of the dearest of some instance types; None if one of them cannot be told.

        Raises:
            CredentialsMissing: AWS does not know who asks.
            CloudUnavailable: no answer. It may come a moment later, so None would be wrong.
        """
        if (known := price_of(tuple(types), self._account.region)) is not None:
            return known
        prices = [self._of(each) for each in types]
        told = [each for each in prices if each is not None]
        return max(told) if told and len(told) == len(prices) else None

    def _of(self, kind: str) -> float | None:
        if kind not in self._found:
            try:
                prices = hosting(self._account, kind, **PATIENCE)
            except Exception as error:
                if not (unknown_caller(error) or transient(error)):
                    return None  # the plan refuses what has no price, and says what to do
                typed = translate(error, resource=kind, step="ask the price list")
                typed.hint += f"; or {SAY_IT}"
                raise typed from error
            if len(prices) != 1:
                return None
            (self._found[kind],) = prices
        return self._found[kind]


def hosting(account: Account, kind: str, **settings: Any) -> set[float]:
    """Every price of hosting on one instance type in the account's region, $/h.

    Raises:
        ClientError, BotoCoreError: there was no answer, or it was refused.
    """
    fields = {"regionCode": account.region, "instanceName": kind}
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in fields.items()]
    client = account.client("pricing", region=REGION, **settings)
    found: set[float] = set()
    for page in client.get_paginator("get_products").paginate(
        ServiceCode="AmazonSageMaker", Filters=filters
    ):
        for text in page["PriceList"]:
            found |= _of_product(json.loads(text))
    return found


def _of_product(product: dict[str, Any]) -> set[float]:
    about = product["product"]["attributes"]
    if "host" not in f"{about.get('component', '')} {about.get('usagetype', '')}".lower():
        return set()
    terms = product["terms"].get("OnDemand", {}).values()
    each = (x for term in terms for x in term["priceDimensions"].values())
    return {float(x["pricePerUnit"]["USD"]) for x in each if float(x["pricePerUnit"]["USD"])}
