"""What an hour of an instance costs by AWS's price list, in regions whose prices are not bundled.

That the component is called "Hosting" is not verified on a live account (docs/facts.md); any
product of which it or the kind of usage speaks of a host is taken, and two prices are no price.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from llmanager_sdk.aws.account import Account
from llmanager_sdk.catalog.choose import price_of
from llmanager_sdk.errors import CredentialsMissing

REGION = "us-east-1"
"""Where the price list of all regions is asked for."""
PATIENCE = {"connect_timeout": 2.0, "read_timeout": 5.0, "retries": {"total_max_attempts": 1}}
"""A first use waits for this; a private network may have no way to the price list."""


class Prices:
    """The price list, as one account reads it; each type is asked for once.

    Args:
        account: whose; needs `pricing:GetProducts`.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._of = cache(self._ask)

    def dearest(self, types: Sequence[str]) -> float | None:
        """$/h of the dearest of some instance types; None if one of them cannot be told."""
        if (known := price_of(tuple(types), self._account.region)) is not None:
            return known
        found = []
        for each in types:
            price = self._of(each)
            if price is None:
                return None
            found.append(price)
        return max(found, default=None)

    def _ask(self, kind: str) -> float | None:
        try:
            prices = hosting(self._account, kind, **PATIENCE)
        except Exception as error:
            if isinstance(error, CredentialsMissing):
                raise
            return None  # the plan refuses what has no price, and says what to do
        return prices.pop() if len(prices) == 1 else None


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
