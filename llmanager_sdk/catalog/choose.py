"""Which instance types a model is put on: the caller's, checked, or the cheapest that fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from llmanager_sdk.catalog import data
from llmanager_sdk.catalog.memory import BF16_FROM, Fit, Instance, ModelFacts, divides, fit
from llmanager_sdk.errors import ConfigurationError

SMALL_ENCODER_B = 0.15
"""An encoder up to this size, in billions of parameters, is quick enough on a CPU."""
ENCODERS_ON_CPU, ENCODERS_ON_GPU = ("ml.c6i.2xlarge",), ("ml.g5.xlarge", "ml.g6.xlarge")
POOLS, DEARER = 3, 1.6
"""So many types are tried, where the choice is ours, since a single one may have no capacity; none
costs more than that many times the cheapest."""


def choose(
    name: str,
    facts: ModelFacts | None,
    asked: tuple[str, ...],
    *,
    region: str,
    kind: Literal["chat", "embed"],
    tokens: int,
    calls: int,
    dtype: str | None,
) -> tuple[tuple[str, ...], str]:
    """Instance types in the order in which they are tried, and why.

    Raises:
        ConfigurationError: a type is too small, wastes GPUs, or cannot be judged.
    """
    if kind == "embed":
        small = facts is not None and facts.params_b <= SMALL_ENCODER_B
        return asked or (ENCODERS_ON_CPU if small else ENCODERS_ON_GPU), ""
    if facts is None:
        if asked:
            return asked, "not computed: nothing is known of this model"
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
        if not it.gpus or not found.ok:
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
