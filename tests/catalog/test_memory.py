"""The memory sum: what it adds up, what it compares with, and where its figures come from."""

from __future__ import annotations

import re

import pytest

from llmanager_sdk.catalog import data
from llmanager_sdk.catalog.memory import (
    GIB,
    Instance,
    ModelFacts,
    divides,
    dtype_for,
    encoder_fit,
    fit,
    from_config,
)

QWEN3_8B = ModelFacts(8.19, 36, 32, 8, 128, 40960)
A10G = Instance("ml.g5.xlarge", 1, 22.0, 8.6, 4, 16, 1.408)
T4 = Instance("ml.g4dn.xlarge", 1, 14.56, 7.5, 4, 16, 0.7364)
CPU = Instance("ml.c6i.2xlarge", 0, 0.0, 0.0, 8, 16, 0.408)
FOUR = Instance("ml.g5.12xlarge", 4, 22.0, 8.6, 48, 192, 7.09)


def test_the_sum_is_weights_cache_and_overhead() -> None:
    found = fit(QWEN3_8B, A10G, tokens=8192, calls=2)
    weights = 8.19e9 * 2 / GIB
    cache = 2 * 36 * 8 * 128 * 2 * 8192 * 2 / GIB
    assert found.needs_gib == pytest.approx(weights + cache + 0.1 * weights)
    assert found.has_gib == pytest.approx(0.9 * 22.0)
    assert found.ok is (found.needs_gib <= found.has_gib)
    for figure in (weights, cache, found.needs_gib, found.has_gib):
        assert f"{figure:.1f} GiB" in found.arithmetic
    assert "2 x 8192 tokens" in found.arithmetic


@pytest.mark.parametrize(
    ("instance", "dtype", "tokens", "ok"),
    [
        (A10G, None, 8192, True),
        (A10G, None, 40960, False),  # the cache of two full contexts is larger than the weights
        (A10G, "float32", 8192, False),
        (T4, None, 8192, False),
        (T4, "int4", 8192, True),
        (FOUR, None, 40960, True),
    ],
)
def test_what_fits(instance: Instance, dtype: str | None, tokens: int, ok: bool) -> None:
    assert fit(QWEN3_8B, instance, tokens=tokens, calls=2, dtype=dtype).ok is ok


@pytest.mark.parametrize(
    ("params_b", "instance", "has", "ok"),
    [
        (0.6, A10G, 0.9 * 22.0, True),
        (7.8, A10G, 0.9 * 22.0, True),
        (12.0, A10G, 0.9 * 22.0, False),
        (12.0, FOUR, 0.9 * 22.0, False),  # it uses one of the four
        (2.0, CPU, 0.9 * 16, True),
        (4.0, CPU, 0.9 * 16, False),  # 32 bits on a CPU
    ],
)
def test_an_encoder_uses_one_gpu_or_the_cpu(
    params_b: float, instance: Instance, has: float, ok: bool
) -> None:
    found = encoder_fit(ModelFacts(params_b, 24, 16, 16, 64, 512), instance)
    assert (found.has_gib, found.ok) == (pytest.approx(has), ok)
    assert f"{found.needs_gib:.1f} GiB" in found.arithmetic


def test_a_small_model_still_needs_room_for_the_runtime_on_each_gpu() -> None:
    tiny = ModelFacts(0.1, 2, 4, 4, 16, 2048)
    one, four = (fit(tiny, x, tokens=16, calls=1).needs_gib for x in (A10G, FOUR))
    assert four - one == pytest.approx(3 * 1.5)


def test_weights_of_quantized_files_are_as_large_as_the_files() -> None:
    files = ModelFacts(20.9, 24, 64, 8, 64, 131072, weights_gib=12.8)
    assert "weights 12.8 GiB" in fit(files, A10G, tokens=1, calls=1).arithmetic


def test_a_gpu_without_bfloat16_gets_float16() -> None:
    assert (dtype_for(A10G, None), dtype_for(T4, None), dtype_for(T4, "fp8")) == (
        "bfloat16",
        "float16",
        "fp8",
    )


@pytest.mark.parametrize(
    ("heads", "kv", "gpus", "can"),
    [(32, 8, 4, True), (28, 4, 8, False), (24, 8, 16, False), (7, 7, 1, True)],
)
def test_heads_are_divided_evenly_among_gpus(heads: int, kv: int, gpus: int, can: bool) -> None:
    assert divides(ModelFacts(1.0, 1, heads, kv, 64, 1), gpus) is can


def test_facts_of_a_config() -> None:
    config = {
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40960,
    }
    assert from_config(config, {"BF16": 8_190_000_000}) == QWEN3_8B
    assert from_config({"text_config": config}, {"BF16": 8_190_000_000}) == QWEN3_8B
    old = from_config(
        {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 64}, {"F32": 10**6}
    )
    assert (old.kv_heads, old.head_dim, old.context, old.weights_gib) == (4, 16, 4096, 0.0)


def test_quantized_files_say_their_size_themselves() -> None:
    found = from_config({}, {"F8_E4M3": 2**30, "BF16": 2**29})
    assert found.weights_gib == pytest.approx(2.0)
    assert from_config({}, {"I32": 2**28}).weights_gib == pytest.approx(1.0)


# -- the data that the sum rests on


def test_instances_are_sorted_by_price_and_make_sense() -> None:
    found = list(data.instances().values())
    prices = [it.price for it in found if it.price is not None]
    assert prices == sorted(prices)
    assert len(found) > 30
    for it in found:
        assert re.fullmatch(r"ml\.[a-z0-9]+\.[a-z0-9]+", it.name)
        assert (it.gpus > 0) == (it.gib > 0) == (it.capability > 0), it
        assert it.price is None or 0.05 < it.price < 200, it


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("ml.g5.2xlarge", 1.515),
        ("ml.g5.12xlarge", 7.09),
        ("ml.g6.2xlarge", 1.222),
        ("ml.g6.12xlarge", 5.752),
        ("ml.g6e.2xlarge", 2.80),
        ("ml.g5.xlarge", 1.408),
    ],
)
def test_prices_are_those_that_were_checked(name: str, price: float) -> None:
    assert data.price(name, "us-east-1") == price
    assert data.price(name, "eu-west-1") is None
    assert data.price("ml.unheard.of", "us-east-1") is None
