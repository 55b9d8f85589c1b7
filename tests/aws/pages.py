"""docs/aws.md, held against the code: options of a deployment, prices, names, tags."""

from __future__ import annotations

import inspect
import re
from typing import Literal

from llmanager_sdk.aws import models, requests
from llmanager_sdk.aws.reaper import registry_table
from llmanager_sdk.catalog import data
from llmanager_sdk.catalog.resolve import resolve
from llmanager_sdk.core.life import Life
from tests.aws.flows import spec
from tests.aws.policy import ROOT

PAGE = ROOT / "docs" / "aws.md"
SECTIONS = ("What is created", "What it costs", "How it ends", "Permissions", "With the stack")
OURS = {"name", "region", "kind", "hub_document"}
"""What `resolve` is told by us, and no option of a user's."""


def text() -> str:
    """The page."""
    return PAGE.read_text()


def options() -> set[str]:
    """Everything that may stand in `aws={...}`."""
    asked = set(inspect.signature(resolve).parameters) - OURS
    return asked | set(models.HERE) | {models.EXISTING, "own_tools"}


def documented() -> set[str]:
    """The options of the table."""
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text(), re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def prices() -> list[float]:
    """$/h of the rows that say it, in order."""
    return [float(x) for x in re.findall(r"^\| [^|]+ \| ([\d.]+) \$/h", text(), re.M)]


def dearest() -> list[float]:
    """The same, of the dearest model of each row as the catalog places it."""
    rows = [
        ("chat", 0, 9),
        ("chat", 9, 15),
        ("chat", 15, 33),
        ("embed", 0, 0.15),
        ("embed", 0.15, 9),
    ]
    return [_dearest(*row) for row in rows]


def _dearest(kind: Literal["chat", "embed"], least: float, most: float) -> float:
    found = [
        resolve(name, region="us-east-1", kind=kind).price or 0.0
        for name, each in data.deployable().items()
        if each["kind"] == kind and least < each["params_b"] <= most
    ]
    return round(max(found), 2)


def unnamed() -> list[str]:
    """Names and tags of what is created that the page does not have."""
    it = spec()
    names = requests.names("NAMESPACE", it, 1, "TOKEN")
    life = Life(gen=1, spec=it, names=names, creator="who")
    told = [each["Key"] for each in requests.tags("NAMESPACE", life)]
    told += [registry_table("NAMESPACE"), "llmanager-NAMESPACE-history", "llm-NAMESPACE-"]
    return [each for each in told if f"`{each}" not in text()]
