"""What the stack costs while nothing runs: the floor of every month, with its arithmetic. Pure.

Free tiers are not counted. Prices are those of us-east-1; `VERIFIED` says which of them somebody
here has seen in AWS's own price list, and all others are marked wherever they are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from llmanager_sdk.deploy.survey import counted

MONTH_MIN = 30 * 24 * 60
PRICES: Mapping[str, float] = MappingProxyType(
    {
        "request": 0.20e-6,  # Lambda, each
        "gb_s": 16.6667e-6,  # Lambda, x86
        "gb_s_arm": 13.3334e-6,  # Lambda, arm64
        "log_gb": 0.50,  # CloudWatch Logs, taken in
        "log_gb_month": 0.03,  # CloudWatch Logs, kept
        "metric": 0.30,  # a custom metric, a month
        "alarm": 0.10,  # an alarm on one metric, a month
        "dashboard": 3.00,  # a month
        "write": 0.625e-6,  # DynamoDB, on demand
        "read": 0.125e-6,
        "message": 0.40e-6,  # SQS, each
        "rule": 0.0,  # EventBridge, a rule with a schedule
    }
)
VERIFIED: frozenset[str] = frozenset()
"""None yet: `docs/facts.md`, "prices"."""

SWEEP_S = 3.0
"""An assumption about a namespace with a few lives."""
LOG_KB = 2.0
"""An assumption about what one sweep writes."""
READS, WRITES = 6, 1
"""Of the registry, each sweep: heartbeats, switch, one page of slots; its own heartbeat."""
METRICS = 9
"""Of `aws/reaper`, each with the one dimension Namespace."""
MEMORY_MB, EVERY_MIN = 256, 5
"""Where the template does not say."""


@dataclass(frozen=True)
class Item:
    """One line of the bill.

    Attributes:
        sum: the arithmetic, as a person can follow it.
        dollars: a month.
        prices: names in `PRICES` that it uses.
    """

    what: str
    sum: str
    dollars: float
    prices: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether somebody here has seen its prices in AWS's price list."""
        return set(self.prices) <= VERIFIED


def floor(core: str, alarms: str = "", parameters: Mapping[str, str] | None = None) -> list[Item]:
    """The bill of a month without a single model.

    Args:
        core: the text of the template.
        alarms: of the second one; "" where it is not deployed.
        parameters: of the first.
    """
    every = _number(core, r"rate\((\d+) minutes?\)", EVERY_MIN)
    memory = _number(core, r"MemorySize: *(\d+)", MEMORY_MB)
    sweeps = MONTH_MIN / every
    kept_mb = sweeps * LOG_KB / 1000
    items = [
        Item("schedule", "a rule's own calls are free", 0.0, ("rule",)),
        _item("Lambda, requests", f"{sweeps:,.0f} sweeps", sweeps, "request"),
        _item(
            "Lambda, time",
            f"{sweeps:,.0f} sweeps x {SWEEP_S:g} s (assumed) x {memory / 1024:g} GB",
            sweeps * SWEEP_S * memory / 1024,
            "gb_s_arm" if "arm64" in core else "gb_s",
        ),
        _item(
            "registry, writes", f"{sweeps:,.0f} sweeps x {WRITES} write", sweeps * WRITES, "write"
        ),
        _item("registry, reads", f"{sweeps:,.0f} sweeps x {READS} reads", sweeps * READS, "read"),
        _item("logs, taken in", f"{kept_mb:.0f} MB", kept_mb / 1000, "log_gb"),
        _item("logs, kept 30 days", f"{kept_mb:.0f} MB", kept_mb / 1000, "log_gb_month"),
        _item("metrics", f"{METRICS} metrics", METRICS, "metric"),
        _item("dead letters", "0 messages", 0, "message"),
    ]
    if alarms:
        count = len(re.findall(r"Type: *AWS::CloudWatch::Alarm\b", alarms))
        items.append(_item("alarms", counted(count, "alarm"), count, "alarm"))
        boards = len(re.findall(r"Type: *AWS::CloudWatch::Dashboard\b", alarms))
        items.append(_item("dashboards", counted(boards, "dashboard"), boards, "dashboard"))
    if (parameters or {}).get("KmsKeyArn"):
        items.append(Item("KMS key", "yours: billed where it was made", 0.0))
    if (parameters or {}).get("SubnetIds"):
        items.append(Item("VPC", "the subnets need a NAT or endpoints of yours: not counted", 0.0))
    return items


def lines(items: list[Item]) -> list[str]:
    """The bill, for people."""
    width = max(len(item.what) for item in items)
    sums = max(len(item.sum) for item in items)
    told = [
        f"  {item.what.ljust(width)}  {item.sum.ljust(sums)}  {item.dollars:7.3f}"
        f"{'' if item.verified else ' *'}"
        for item in items
    ]
    total = sum(item.dollars for item in items)
    told.append(f"  {'in all'.ljust(width)}  {''.ljust(sums)}  {total:7.3f} $ a month")
    if not all(item.verified for item in items):
        told.append("  * a price that nobody has checked in AWS's price list yet (docs/facts.md)")
    return told


def _item(what: str, amount: str, count: float, price: str) -> Item:
    each = f"{PRICES[price]:.10f}".rstrip("0").rstrip(".")
    return Item(what, f"{amount} x {each} $", count * PRICES[price], (price,))


def _number(text: str, pattern: str, otherwise: float) -> float:
    found = re.search(pattern, text)
    return float(found[1]) if found else otherwise
