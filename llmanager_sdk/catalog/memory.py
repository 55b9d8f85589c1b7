"""How much memory a model needs, and whether an instance type has it. Pure arithmetic.

For chat:

weights    parameters x bytes of the type
KV cache   2 x layers x KV heads x head dimension x bytes x tokens (keys and values of each layer;
           "Efficient Memory Management for Large Language Model Serving with PagedAttention",
           section 3)
overhead   activations, CUDA graphs and the runtime: 10 % of the weights, 1.5 GiB a GPU at least
usable     90 % of a GPU's memory, as vLLM's default gpu_memory_utilization has it

An encoder has weights and overhead, on one GPU in 16 bits, on a CPU in 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GIB = 1024.0**3
USABLE = 0.9
OVERHEAD, OVERHEAD_LEAST_GIB = 0.1, 1.5
BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0, "fp8": 1.0, "int8": 1.0, "int4": 0.5}
BF16_FROM = 8.0
"""The compute capability from which a GPU has bfloat16 (NVIDIA's table)."""


@dataclass(frozen=True)
class ModelFacts:
    """What the arithmetic needs of a model.

    Attributes:
        params_b: billions of parameters.
        weights_gib: of the files, where they are not parameters x bytes; 0 otherwise.
    """

    params_b: float
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    context: int
    weights_gib: float = 0.0


@dataclass(frozen=True)
class Instance:
    """An instance type.

    Attributes:
        gib: of one GPU.
        price: us-east-1, $/h; None where it is not known.
    """

    name: str
    gpus: int
    gib: float
    capability: float
    vcpus: int
    ram_gib: float
    price: float | None


@dataclass(frozen=True)
class Fit:
    """Whether a model fits an instance type, with the sum in words."""

    ok: bool
    needs_gib: float
    has_gib: float
    arithmetic: str


def dtype_for(instance: Instance, dtype: str | None) -> str:
    """The type of weights: as asked, else bfloat16 where the GPU has it."""
    return dtype or ("bfloat16" if instance.capability >= BF16_FROM else "float16")


def fit(
    facts: ModelFacts, instance: Instance, *, tokens: int, calls: int, dtype: str | None = None
) -> Fit:
    """Compare need and room of one instance, its GPUs sharing the model evenly.

    Args:
        tokens: the context to be served.
        calls: so many of them are to be full at once.
        dtype: of the weights; see `BYTES`.
    """
    kind = dtype_for(instance, dtype)
    weights = facts.weights_gib or facts.params_b * 1e9 * BYTES[kind] / GIB
    each = 2 * facts.layers * facts.kv_heads * facts.head_dim * 2.0
    cache = each * tokens * calls / GIB
    gpus = max(instance.gpus, 1)
    overhead = max(OVERHEAD * weights, OVERHEAD_LEAST_GIB * gpus)
    needs, has = weights + cache + overhead, USABLE * instance.gib * instance.gpus
    text = (
        f"weights {weights:.1f} GiB ({facts.params_b:g} B parameters, {kind}) + KV cache "
        f"{cache:.1f} GiB ({calls} x {tokens} tokens) + overhead {overhead:.1f} GiB = "
        f"{needs:.1f} GiB; {instance.name} has {has:.1f} GiB usable "
        f"({instance.gpus} x {instance.gib:g} GiB)"
    )
    return Fit(needs <= has, needs, has, text)


def encoder_fit(facts: ModelFacts, instance: Instance) -> Fit:
    """Compare need and room of an encoder, which uses one GPU, or the CPU where there is none."""
    kind, each, what = (
        ("float16", instance.gib, "of one GPU")
        if instance.gpus
        else ("float32", instance.ram_gib, "of RAM")
    )
    weights = facts.weights_gib or facts.params_b * 1e9 * BYTES[kind] / GIB
    overhead = max(OVERHEAD * weights, OVERHEAD_LEAST_GIB)
    needs, has = weights + overhead, USABLE * each
    text = (
        f"weights {weights:.1f} GiB ({facts.params_b:g} B parameters, {kind}) + overhead "
        f"{overhead:.1f} GiB = {needs:.1f} GiB; {instance.name} has {has:.1f} GiB usable "
        f"({each:g} GiB {what})"
    )
    return Fit(needs <= has, needs, has, text)


def divides(facts: ModelFacts, gpus: int) -> bool:
    """Whether tensor parallelism over so many GPUs cuts between the attention heads."""
    return gpus <= 1 or (facts.heads % gpus == 0 and facts.kv_heads % gpus == 0)


STORED = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2}
"""Bytes of a number in a safetensors file, by the name it has there; any other is one byte."""
_PLAIN = {"F64", "F32", "F16", "BF16"}


def from_config(config: Mapping[str, object], stored: Mapping[str, int]) -> ModelFacts:
    """The facts in a model's config.json.

    Args:
        config: as transformers writes it.
        stored: how many numbers of each type its safetensors files hold. Plain ones are loaded in
            the type that is served; quantized ones stay as they are.
    """
    inner = config.get("text_config")
    told = dict(inner) if isinstance(inner, Mapping) else dict(config)

    def number(name: str, default: int = 0) -> int:
        value = told.get(name) or default
        return int(value) if isinstance(value, int | float) else default

    heads = number("num_attention_heads")
    size = sum(count * STORED.get(kind, 1) for kind, count in stored.items())
    return ModelFacts(
        params_b=sum(stored.values()) / 1e9,
        layers=number("num_hidden_layers"),
        heads=heads,
        kv_heads=number("num_key_value_heads", heads),
        head_dim=number("head_dim", number("hidden_size") // max(heads, 1)),
        context=number("max_position_embeddings", 4096),
        weights_gib=0.0 if set(stored) <= _PLAIN else size / GIB,
    )
