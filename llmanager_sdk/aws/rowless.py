"""What bears the names of a namespace and no row knows: what it is, what it costs, whose it is.

A row may have been lost, or somebody made a resource with such a name. Nothing here is ever
deleted because of what it is called: `condemn` writes a row, on a person's word, and only for what
bears the namespace's tags. From then on it goes as every other life does, with the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmanager_sdk.aws.account import Account
from llmanager_sdk.aws.answers import missing
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.aws.prices import Prices
from llmanager_sdk.aws.reapable import TIMING, prefix
from llmanager_sdk.core.life import Life, Names
from llmanager_sdk.core.ports import Registry
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.errors import CloudUnavailable, NotAllowed, RegistryUnavailable

KIND = "endpoint"
PARTS = ("endpoint", "config", "model")


@dataclass(frozen=True)
class Stray:
    """One name that no row knows.

    Attributes:
        parts: of "endpoint", "config", "model", those that exist.
        status: of the endpoint; empty where there is none.
        price: $/h now; 0 without an endpoint, None where the instance's price is not known.
        tags: of all parts together.
        ours: every part bears the tags that llmanager gives in this namespace.
    """

    name: str
    parts: tuple[str, ...]
    status: str
    price: float | None
    tags: Mapping[str, str]
    ours: bool

    def __str__(self) -> str:
        costs = "price unknown" if self.price is None else f"{self.price:.2f} $/h"
        whose = "bears this namespace's tags" if self.ours else "bears other tags, or none"
        state = f", {self.status}" if self.status else ""
        return f"{self.name} ({', '.join(self.parts)}{state}): {costs}; {whose}"


class Strays:
    """Looks at what no row knows.

    Args:
        account: where it is.
        namespace: whose.
    """

    def __init__(self, account: Account, namespace: str) -> None:
        self._account = account
        self._namespace = namespace
        self._prices = Prices(account)

    def look(self, rowless: Iterable[Names]) -> list[Stray]:
        """What was listed and no row knows, one for each name."""
        parts: dict[str, list[str]] = {}
        for names in rowless:
            for part, name in names.items():
                parts.setdefault(name, []).append(part)
        found = (self._one(name, parts[name]) for name in sorted(parts))
        return [each for each in found if each is not None]

    def _one(self, name: str, parts: list[str]) -> Stray | None:
        status = ""
        price: float | None = 0.0
        tags: list[Mapping[str, str]] = []
        there: list[str] = []
        for part in (each for each in PARTS if each in parts):
            told = self._describe(part, name)
            if told is None:
                continue  # it went meanwhile
            there.append(part)
            tags.append(self._tags(told, part, name))
            if part == "endpoint":
                status = str(told["EndpointStatus"])
                price = self._price(str(told["EndpointConfigName"]))
        if not there:
            return None
        ours = all(_ours(self._namespace, name, each) for each in tags)
        merged = {key: value for each in tags for key, value in each.items()}
        return Stray(name, tuple(there), status, price, merged, ours)

    def _describe(self, part: str, name: str) -> Mapping[str, Any] | None:
        operation, key, _ = _CALLS[part]
        sagemaker = self._account.client("sagemaker")
        try:
            found: Mapping[str, Any] = getattr(sagemaker, operation)(**{key: name})
            return found
        except Exception as error:
            if missing(error):
                return None
            raise translate(error, resource=name, step="look at what no row knows") from error

    def _tags(self, told: Mapping[str, Any], part: str, name: str) -> Mapping[str, str]:
        arn = told[_CALLS[part][2]]
        try:
            pages = self._account.client("sagemaker").get_paginator("list_tags")
            tags = [x for page in pages.paginate(ResourceArn=arn) for x in page["Tags"]]
        except Exception as error:
            if missing(error):
                return {}
            raise translate(error, resource=name, step="read its tags") from error
        return {each["Key"]: each["Value"] for each in tags}

    def _price(self, config: str) -> float | None:
        """Of the dearest type of each variant, times its instances."""
        told = self._describe("config", config)
        if told is None:
            return None
        total = 0.0
        for variant in told["ProductionVariants"]:
            pools = [each["InstanceType"] for each in variant.get("InstancePools", [])]
            types = tuple(pools or [variant.get("InstanceType", "")])
            price = self._dearest(types)
            if price is None:
                return None
            total += price * int(variant.get("InitialInstanceCount") or 1)
        return total

    def _dearest(self, types: tuple[str, ...]) -> float | None:
        try:
            return self._prices.dearest(types)
        except CloudUnavailable:
            return None  # what is there is shown, with or without its price


_CALLS = {
    "endpoint": ("describe_endpoint", "EndpointName", "EndpointArn"),
    "config": ("describe_endpoint_config", "EndpointConfigName", "EndpointConfigArn"),
    "model": ("describe_model", "ModelName", "ModelArn"),
}


def _ours(namespace: str, name: str, tags: Mapping[str, str]) -> bool:
    return (
        name.startswith(prefix(namespace))
        and tags.get("llmanager:namespace") == namespace
        and tags.get("llmanager:life") == name
    )


MAY_SCALE = {"instances": 1, "max_instances": 2}
"""Whether it scales nobody knows: its scalable target is looked for, and goes first."""


def condemn(registry: Registry, stray: Stray, now: float, me: str) -> tuple[str, int]:
    """Give it a row of its own, as a life that is being deleted by this process.

    Whoever sweeps after `me` is gone goes on with it. Its key is its name: nobody wants that one.

    Returns:
        Key and generation.

    Raises:
        NotAllowed: it does not bear the namespace's tags.
        RegistryUnavailable: somebody else writes the same row again and again.
    """
    if not stray.ours:
        raise NotAllowed(
            f"{stray.name} does not bear the tags of this namespace: it is left alone",
            resource=stray.name,
            step="condemn",
            hint="if it is yours and is to go, delete it in the console",
        )
    for _ in range(5):
        slot = registry.read(stray.name)
        life = Life(
            gen=slot.next_gen,
            spec=spec_of(KIND, stray.name, MAY_SCALE),
            names=dict.fromkeys(PARTS, stray.name),
            phase="deleting",
            worker=me,
            worker_until=now + TIMING.worker,
            born_at=now,
            error="no row knew it, and a person said that it is to go",
            price=stray.price or 0.0,
            creator=stray.tags.get("llmanager:creator", ""),
        )
        new = replace(slot, next_gen=slot.next_gen + 1, lives=(*slot.lives, life))
        if registry.swap(slot, new):
            return stray.name, life.gen
    raise RegistryUnavailable(
        "the row could not be written: somebody else was first, five times",
        resource=stray.name,
        step="condemn",
        hint="look again: `llmanager doctor`",
    )
