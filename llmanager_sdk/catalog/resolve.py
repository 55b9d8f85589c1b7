"""What to deploy on SageMaker for a model's name: image, environment, instance types, timeouts."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from llmanager_sdk.catalog import data, hub
from llmanager_sdk.catalog.choose import (
    SMALL_ENCODER_B,
    choose,
    choose_for_encoder,
    has_gpus,
    price_of,
)
from llmanager_sdk.catalog.memory import BF16_FROM, ModelFacts
from llmanager_sdk.catalog.options import DTYPES, check_dtype, pools, variables
from llmanager_sdk.errors import ConfigurationError, UnknownModel

DOWNLOAD_S, HEALTH_S = 1800, 1800
AMI_CUDA_13 = "al2023-ami-sagemaker-inference-gpu-4-1"
"""For images with CUDA 13: under an older driver they end, often before their first log line
(docs/facts.md)."""
CHAT_CONTEXT = 8192
"""Tokens that a chat model is served with, where it takes more and nobody asked for more."""
CALLS = 2
"""So many full contexts must fit at once."""


@dataclass(frozen=True)
class Deployment:
    """What stands behind a name, without anything secret.

    Attributes:
        name: what was asked for.
        hub: the Hugging Face id that the container loads; empty for artifacts.
        artifacts: S3DataSource of SageMaker, where weights come from a bucket.
        instance_types: in the order in which they are tried.
        wire: how the container talks.
        own_tools: its own tool calling is good.
        context: tokens of prompt and answer; of one text, for embeddings.
        dimension: of embeddings; None for chat.
        price: of the dearest of the types, $/h; None where it is not known.
        arithmetic: why it fits, in words.
        isolated: the container gets no network.
        volume_gb: of the instance's volume, where its size may be asked for.
    """

    name: str
    hub: str
    image: str
    environment: Mapping[str, str] = field(repr=False)
    artifacts: Mapping[str, Any] | None
    instance_types: tuple[str, ...]
    ami_version: str | None
    wire: Literal["openai", "tei"]
    own_tools: bool
    context: int
    dimension: int | None
    gated: bool
    price: float | None
    arithmetic: str = ""
    prompts: Mapping[str, str] = field(default_factory=dict)
    download_timeout_s: int = DOWNLOAD_S
    health_timeout_s: int = HEALTH_S
    isolated: bool = False
    volume_gb: int | None = None


def resolve(
    name: str,
    *,
    region: str,
    kind: Literal["chat", "embed"] = "chat",
    instance_type: str | Sequence[str] | None = None,
    context: int | None = None,
    image_uri: str | None = None,
    environment: Mapping[str, str] | None = None,
    facts: ModelFacts | None = None,
    dtype: str | None = None,
    tool_parser: str | None = None,
    reasoning_parser: str | None = None,
    ami_version: str | None = None,
    hub_document: str | Mapping[str, Any] | None = None,
    accept_eula: bool = False,
) -> Deployment:
    """What to deploy.

    Args:
        name: a short name, a Hugging Face id, "jumpstart:ID", "s3://bucket/prefix/", or any word
            for an image of the caller's that holds all it needs.
        region: of AWS.
        instance_type: one, or several in the order in which they are to be tried.
        context: tokens to be served.
        facts: for the memory sum of a model that the catalog does not know.
        hub_document: what JumpStart says of its model.
        accept_eula: of a JumpStart model that asks for it.

    Raises:
        UnknownModel: no such name.
        ConfigurationError: it does not fit, wastes GPUs, or lacks something; with the arithmetic.
    """
    types = pools(name, instance_type)
    check_dtype(name, dtype, told=kind == "chat" and not name.startswith("jumpstart:"))
    if name.startswith("jumpstart:"):
        found = hub.deployment(name, hub_document or {}, region, types, accept_eula)
        return _with(found, image_uri, environment, ami_version)
    if image_uri and "/" not in name and name not in data.deployable():
        found = _own(name, image_uri, kind, types, context, region)
        return _with(found, image_uri, environment, ami_version)
    known = _known(name, kind)
    artifacts = hub.artifacts(name) if name.startswith("s3://") else None
    facts = facts or _facts(known)
    asked = min(context or CHAT_CONTEXT, facts.context) if facts else (context or CHAT_CONTEXT)
    if kind == "embed":
        # Of the catalog's alone: a type that hung on the hub's answer would be another deployment.
        small = known.get("params_b", SMALL_ENCODER_B + 1) <= SMALL_ENCODER_B
        facts = None if image_uri else facts
        types, arithmetic = choose_for_encoder(name, facts, types, small=small)
    else:
        types, arithmetic = choose(
            name,
            facts,
            types,
            region=region,
            tokens=asked,
            calls=CALLS,
            dtype=dtype,
            own_image=bool(image_uri),
        )
    source = "/opt/ml/model" if artifacts else str(known.get("hub", name))
    if kind == "embed":
        found = _embedder(name, known, source, types, region)
    else:
        parsers = (
            known.get("tool_parser", "") if tool_parser is None else tool_parser,
            known.get("reasoning_parser", "") if reasoning_parser is None else reasoning_parser,
        )
        found = _chat(name, known, source, types, region, asked, dtype, parsers)
    found = replace(found, artifacts=artifacts, hub="" if artifacts else source)
    return replace(_with(found, image_uri, environment, ami_version), arithmetic=arithmetic)


def is_known(name: str) -> bool:
    """Whether the catalog has all that the memory sum needs of a name, or of a Hugging Face id."""
    models = data.deployable()
    return name in models or name in {each["hub"] for each in models.values()}


def _own(
    name: str,
    image: str,
    kind: str,
    types: tuple[str, ...],
    context: int | None,
    region: str,
) -> Deployment:
    """An image of the caller's that needs nothing of ours."""
    if not types:
        raise ConfigurationError(
            f"nothing is known of what {image} needs, so no instance type can be chosen",
            resource=name,
            step="choose the instance type",
            hint="give instance_type='ml.g5.2xlarge'",
        )
    return Deployment(
        name,
        "",
        image,
        {},
        None,
        types,
        None,
        "openai",
        kind == "chat",
        context or CHAT_CONTEXT,
        0 if kind == "embed" else None,
        False,
        price_of(types, region),
        "not computed: an image of your own",
    )


def _known(name: str, kind: str) -> Mapping[str, Any]:
    """The catalog's entry; an empty one for an id that needs none."""
    models = data.deployable()
    if name in models:
        if models[name]["kind"] != kind:
            other = "ManagedLLM" if kind == "embed" else "ManagedEmbeddings"
            raise ConfigurationError(
                f"{name} is no model for this", resource=name, hint=f"use it with {other}"
            )
        return models[name]
    by_hub = {each["hub"]: each for each in models.values() if each["kind"] == kind}
    if "/" in name:
        return by_hub.get(name, {})
    names = sorted(each["name"] for each in models.values() if each["kind"] == kind)
    near = difflib.get_close_matches(name, names)
    raise UnknownModel(
        f"there is no model called {name!r}" + (f"; did you mean {near[0]}?" if near else ""),
        resource=name,
        hint=f"use one of {', '.join(names)}, a Hugging Face id, jumpstart:ID, or s3://...",
    )


def _facts(known: Mapping[str, Any]) -> ModelFacts | None:
    if not known:
        return None
    names = ("params_b", "layers", "heads", "kv_heads", "head_dim", "context", "weights_gib")
    return ModelFacts(**{name: known.get(name, 0) for name in names})


def _chat(
    name: str,
    known: Mapping[str, Any],
    source: str,
    types: tuple[str, ...],
    region: str,
    context: int,
    dtype: str | None,
    parsers: tuple[str, str],
) -> Deployment:
    tool, think = parsers
    gpus = max((it.gpus for x in types if (it := data.instances().get(x))), default=1)
    env = {
        "HF_MODEL_ID": source,
        "SM_VLLM_MODEL": source,
        "SM_VLLM_HOST": "0.0.0.0",
        "SM_VLLM_MAX_MODEL_LEN": str(context),
    }
    env |= {"SM_VLLM_TENSOR_PARALLEL_SIZE": str(gpus)} if gpus > 1 else {}
    if any((it := data.instances().get(x)) and 0 < it.capability < BF16_FROM for x in types):
        dtype = dtype or "float16"
    env |= {DTYPES[dtype]: dtype} if dtype else {}
    if tool:
        env |= {"SM_VLLM_ENABLE_AUTO_TOOL_CHOICE": "true", "SM_VLLM_TOOL_CALL_PARSER": tool}
    env |= {"SM_VLLM_REASONING_PARSER": think} if think else {}
    image = data.image("vllm", region)
    return Deployment(
        name,
        source,
        image,
        env,
        None,
        types,
        _ami(image),
        "openai",
        bool(tool),
        context,
        None,
        bool(known.get("gated")),
        price_of(types, region),
    )


def _embedder(
    name: str, known: Mapping[str, Any], source: str, types: tuple[str, ...], region: str
) -> Deployment:
    cpu = not any(has_gpus(each) for each in types)
    return Deployment(
        name,
        source,
        data.image("tei-cpu" if cpu else "tei", region),
        {"HF_MODEL_ID": source},
        None,
        types,
        None,
        "tei",
        False,
        int(known.get("context", 512)),
        int(known.get("dimension", 0)),
        bool(known.get("gated")),
        price_of(types, region),
        prompts={k: v for k, v in known.get("prompts", {}).items() if v},
    )


def _ami(image: str) -> str | None:
    """The machine image that a container needs, as its tag says."""
    return AMI_CUDA_13 if "-cu13" in image else None


def _with(
    found: Deployment,
    image_uri: str | None,
    environment: Mapping[str, str] | None,
    ami_version: str | None,
) -> Deployment:
    """What the caller sets instead."""
    env = {**found.environment, **variables(found.name, environment or {})}
    image = image_uri or found.image
    ami = ami_version or (found.ami_version if image == found.image else _ami(image))
    return replace(found, environment=env, image=image, ami_version=ami)
