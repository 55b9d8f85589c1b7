"""The dated data files of this package, read once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from llmanager_sdk.catalog.memory import Instance
from llmanager_sdk.errors import ConfigurationError


@cache
def _load(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(files(__package__).joinpath(name).read_text())
    return found


@cache
def deployable() -> Mapping[str, Mapping[str, Any]]:
    """Every model that has a short name on aws."""
    return {each["name"]: each for each in _load("deployable.json")["models"]}


@cache
def instances() -> Mapping[str, Instance]:
    """The instance types whose memory is known, cheapest first where prices are known."""
    told = _load("instances.json")["types"]
    made = [
        Instance(name, t["gpus"], t["gib"], t["capability"], t["vcpus"], t["ram_gib"], t["price"])
        for name, t in told.items()
    ]
    made.sort(key=lambda it: (it.price is None, it.price or it.gpus * it.gib))
    return {it.name: it for it in made}


def image(family: str, region: str) -> str:
    """The address of a container image in a region.

    Raises:
        ConfigurationError: none is served there.
    """
    told = _load("images.json")["families"][family]
    account = told["accounts"].get(region)
    if account is None:
        served = ", ".join(sorted(told["accounts"]))
        raise ConfigurationError(
            f"the image {told['repository']} is not served in {region}",
            step="choose the image",
            hint=f"give image_uri=..., or use one of {served}",
        )
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{account}.dkr.ecr.{region}.{suffix}/{told['repository']}:{told['tag']}"


def price(name: str, region: str) -> float | None:
    """$/h of an instance; None where it is not known."""
    it = instances().get(name)
    return it.price if it is not None and region == _load("instances.json")["region"] else None
