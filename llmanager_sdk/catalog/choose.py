"""Which instance types a model is put on: the caller's, checked, or the cheapest that fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmanager_sdk.catalog import data
from llmanager_sdk.catalog.memory import (
    BF16_FROM,
    Fit,
    Instance,
    ModelFacts,
    divides,
    encoder_fit,
    fit,
)
from llmanager_sdk.errors import ConfigurationError

SMALL_ENCODER_B = 0.15
"""An encoder up to this size, in billions of parameters, is quick enough on a CPU."""
NOT_COMPUTED = "not computed: nothing is known of this model"
ENCODERS_ON_CPU, ENCODERS_ON_GPU = ("ml.c6i.2xlarge",), ("ml.g5.xlarge", "ml.g6.xlarge")
POOLS, DEARER = 3, 1.6
"""So many types are tried, where the choice is ours, since a single one may have no capacity; none
costs more than that many times the cheapest."""
_GPUS = re.compile(r"ml\.[gp]\d")
"""Families with GPUs of NVIDIA, among types that the catalog does not know."""


def choose(
    name: str,
    facts: ModelFacts | None,
    asked: tuple[str, ...],
    *,
    region: str,
    tokens: int,
    calls: int,
    dtype: str | None,
    own_image: bool = False,
) -> tuple[tuple[str, ...], str]:
    """Instance types for a chat model, in the order in which they are tried, and why.

    Args:
        own_image: the caller's, which may do without GPUs.

    Raises:
        ConfigurationError: a type is too small, wastes GPUs, or cannot be judged.
    """
    unknown = [each for each in asked if facts is None or each not in data.instances()]
    if without := [each for each in unknown if not (own_image or has_gpus(each))]:
        hint = "give instance_type='ml.g5.2xlarge'"
        raise _refuse(f"{without[0]} has no GPUs, which {name} needs", name, hint)
    if facts is None:
        if asked:
            return asked, NOT_COMPUTED
        raise ConfigurationError(
            f"nothing is known of {name}, so no instance type can be chosen",
            resource=name,
            step="choose the instance type",
            hint="give instance_type='ml.g5.2xlarge', or facts=ModelFacts(...)",
        )
    fitting = list(_fitting(facts, tokens, calls, dtype))
    if asked:
        return asked, _checked(name, facts, asked, fitting, tokens, calls, dtype)
    priced = [(it, found) for it, found in fitting if data.price(it.name, region) is not None]
    best = _mixed(priced or fitting)
    if not best:
        raise ConfigurationError(
            f"{name} fits no instance type that is known here",
            resource=name,
            step="choose the instance type",
            hint="ask for a smaller context=, or dtype='fp8'",
        )
    gpus = best[0][0].gpus
    same = tuple(it.name for it, _ in best if it.gpus == gpus)
    return same, best[0][1].arithmetic


def choose_for_encoder(
    name: str, facts: ModelFacts | None, asked: tuple[str, ...], *, small: bool
) -> tuple[tuple[str, ...], str]:
    """Instance types for an embedding model, and why.

    Args:
        small: it is quick enough on a CPU.

    Raises:
        ConfigurationError: a type is too small, or wastes GPUs, or they need different images.
    """
    types = asked or (ENCODERS_ON_CPU if small else ENCODERS_ON_GPU)
    if len({has_gpus(each) for each in types}) > 1:
        hint = "give types of one sort"
        raise _refuse(f"{', '.join(types)}: one image is not for CPUs and GPUs both", name, hint)
    judged = [it for each in types if (it := data.instances().get(each))]
    if facts is None or not judged:
        return types, NOT_COMPUTED
    fits = [encoder_fit(facts, it) for it in judged]
    for it, found in zip(judged, fits, strict=True):
        if not found.ok:
            hint = "give a larger instance_type"
            raise _refuse(f"{it.name} is too small for {name}: {found.arithmetic}", name, hint)
        if it.gpus > 1:
            hint = f"use {ENCODERS_ON_GPU[0]}, or another type with one GPU"
            raise _refuse(f"{it.name} wastes GPUs on {name}: an encoder uses one", name, hint)
    return types, fits[0].arithmetic


def has_gpus(kind: str) -> bool:
    """Whether an instance type has GPUs for an image with CUDA."""
    it = data.instances().get(kind)
    return it.gpus > 0 if it else bool(_GPUS.match(kind))


def _mixed(rows: list[tuple[Instance, Fit]]) -> list[tuple[Instance, Fit]]:
    """The cheapest, then others that are not much dearer: first those of other families, since
    one family often has no capacity as a whole."""
    most = DEARER * (rows[0][0].price or float("inf")) if rows else 0.0
    near = [(it, found) for it, found in rows if (it.price or 0.0) <= most]
    seen: set[str] = set()
    first: list[tuple[Instance, Fit]] = []
    more: list[tuple[Instance, Fit]] = []
    for it, found in near:
        family = it.name.split(".")[1]
        (more if family in seen else first).append((it, found))
        seen.add(family)
    return [*first, *more][:POOLS]


def _fitting(
    facts: ModelFacts, tokens: int, calls: int, dtype: str | None
) -> Iterator[tuple[Instance, Fit]]:
    """Types that have room, cheapest first; no more GPUs than the least that do."""
    rows = [
        (it, found)
        for it in data.instances().values()
        if it.gpus and divides(facts, it.gpus)
        if it.capability >= BF16_FROM or dtype == "float16"
        if (found := fit(facts, it, tokens=tokens, calls=calls, dtype=dtype)).ok
    ]
    least = min((it.gpus for it, _ in rows), default=0)
    yield from ((it, found) for it, found in rows if it.gpus == least)


def _checked(
    name: str,
    facts: ModelFacts,
    asked: tuple[str, ...],
    fitting: list[tuple[Instance, Fit]],
    tokens: int,
    calls: int,
    dtype: str | None,
) -> str:
    hint = f"use {fitting[0][0].name}" if fitting else "ask for a smaller context="
    least = fitting[0][0].gpus if fitting else 0
    arithmetic = ""
    for each in asked:
        it = data.instances().get(each)
        if it is None:
            arithmetic = arithmetic or f"not computed: nothing is known of {each}"
            continue
        found = fit(facts, it, tokens=tokens, calls=calls, dtype=dtype)
        if not found.ok:
            raise _refuse(f"{each} is too small for {name}: {found.arithmetic}", name, hint)
        if not divides(facts, it.gpus):
            raise _refuse(
                f"the {facts.heads} heads of {name} ({facts.kv_heads} of keys and values) cannot "
                f"be divided among the {it.gpus} GPUs of {each}",
                name,
                hint,
            )
        if least and it.gpus > least:
            raise _refuse(
                f"{each} wastes GPUs on {name}: it has {it.gpus}, and {least} would do: "
                f"{fitting[0][1].arithmetic}",
                name,
                hint,
            )
        arithmetic = arithmetic or found.arithmetic
    return arithmetic


def _refuse(text: str, name: str, hint: str) -> ConfigurationError:
    return ConfigurationError(text, resource=name, step="choose the instance type", hint=hint)


def price_of(types: tuple[str, ...], region: str) -> float | None:
    """$/h of the dearest of them; None if one is not known."""
    prices = [data.price(each, region) for each in types]
    known = [each for each in prices if each is not None]
    return max(known) if known and len(known) == len(prices) else None
