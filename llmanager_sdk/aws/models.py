"""From a model's name to the spec of an endpoint: the catalog's answer, and what was set here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from llmanager_sdk.aws.account import Account
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.aws.plan import Origin
from llmanager_sdk.aws.prices import Prices
from llmanager_sdk.aws.weights import Hub
from llmanager_sdk.catalog.memory import ModelFacts
from llmanager_sdk.catalog.options import positive, texts, whole
from llmanager_sdk.catalog.resolve import Deployment, is_known, resolve
from llmanager_sdk.core.life import Spec
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.errors import ConfigurationError, UnknownModel
from llmanager_sdk.ports.models import OWN_WIRE, ChatModel, EmbeddingModel, Endpoint
from llmanager_sdk.settings import Settings

DEFAULT_CHAT = "qwen3-8b"
DEFAULT_EMBEDDINGS = "bge-m3"
HUB = "SageMakerPublicHub"
EXISTING = "endpoint_name"
"""The option that names an endpoint which exists: used as it is, never ended."""
SETTINGS = ("role", "kms_key", "subnets", "security_groups")
"""Options that stand for a setting, for one deployment."""
KEPT = ("isolated", "volume_gb", "concurrency_target", "probe")
"""Options that go into the spec as they are."""
HERE = ("instances", "max_instances", "price", "wire", *SETTINGS, *KEPT)
"""Options that the catalog does not need."""
VOLUME_MOST_GB = 512
"""Of an instance's volume (botocore's service model)."""
READ: Mapping[str, Callable[[str, Any], Any]] = {
    "context": whole,
    "instances": partial(whole, least=None),
    "max_instances": partial(whole, least=None),
    "volume_gb": partial(whole, most=VOLUME_MOST_GB),
    "concurrency_target": positive,
    "price": positive,
    "instance_type": texts,
    "subnets": texts,
    "security_groups": texts,
}
"""How options are read that are no texts."""
WIRES = {
    "chat": ("openai", OWN_WIRE),
    "embed": ("tei", "openai-embeddings", OWN_WIRE),
}
"""How a container may talk."""
Kind = Literal["chat", "embed"]
UNUSED = ("slots", "threads")
"""Options of other platforms, which the same code may carry."""


class Models:
    """Names on this account's SageMaker.

    Args:
        settings: role, VPC, key.
        account: for the region, and for what JumpStart says.
        hub: what Hugging Face says of models that the catalog does not know.
        prices: of regions whose prices the catalog does not know.
        named: an endpoint that exists, by name and wire.
    """

    def __init__(
        self,
        settings: Settings,
        account: Account,
        hub: Hub,
        prices: Prices,
        named: Callable[[str, str], Endpoint],
    ) -> None:
        self._settings = settings
        self._account = account
        self._hub = hub
        self._prices = prices
        self._named = named
        self._origins: dict[str, Origin] = {}

    def origin(self, spec: Spec) -> Origin:
        """How a spec came about, where it was made here."""
        return self._origins.get(spec.digest, Origin())

    def chat(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> ChatModel:
        """A chat model.

        Raises:
            UnknownModel, ConfigurationError: it cannot be had like this.
        """
        options = _flat(options)
        if existing := options.get(EXISTING):
            name, wire = model or str(existing), _wire(options, "chat", "openai")
            fixed = self._named(str(existing), wire)
            return ChatModel(
                name,
                name,
                spec_of("endpoint", str(existing), {}),
                int(options.get("context") or 0),
                own_tools=bool(options.get("own_tools", True)),
                profile={"tool_calling": True},
                fixed=fixed,
                wire=wire,
                alias="",
            )
        name = model or DEFAULT_CHAT
        found, body, spec = self._deployed(name, deployment, "chat", options)
        return ChatModel(
            name,
            name,
            spec,
            found.context,
            own_tools=found.own_tools,
            profile={"max_input_tokens": found.context, "tool_calling": True},
            price=self._worst(found, body, options),
            wire=body["wire"],
            alias="",  # vLLM knows the weights' name only, and takes none for that (docs/facts.md)
        )

    def embedder(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> EmbeddingModel:
        """An embedding model.

        Raises:
            UnknownModel, ConfigurationError: it cannot be had like this.
        """
        options = _flat(options)
        if existing := options.get(EXISTING):
            name, wire = model or str(existing), _wire(options, "embed", "tei")
            spec = spec_of("endpoint", str(existing), {"model": name})
            fixed = self._named(str(existing), wire)
            return EmbeddingModel(name, name, spec, 0, fixed=fixed, wire=wire)
        name = model or DEFAULT_EMBEDDINGS
        found, body, spec = self._deployed(name, deployment, "embed", options)
        return EmbeddingModel(
            name,
            name,
            spec,
            found.context,
            price=self._worst(found, body, options),
            wire=body["wire"],
            dimension=found.dimension or 0,
            most_tokens=found.context,
            prompts=found.prompts,
        )

    def _deployed(
        self, name: str, deployment: str | None, kind: Kind, options: Mapping[str, Any]
    ) -> tuple[Deployment, Mapping[str, Any], Spec]:
        """What the catalog says, and the spec that is made of it."""
        found = self._found(name, kind, options)
        body = self._body(found, kind, options)
        spec = spec_of("endpoint", _key(name, deployment, body), body)
        origin = Origin(not options.get("instance_type"), found.arithmetic)
        self._origins[spec.digest] = origin
        return found, body, spec

    def _worst(
        self, found: Deployment, body: Mapping[str, Any], options: Mapping[str, Any]
    ) -> float:
        """$/h if every instance runs; 0 where no price is known, which the plan refuses.

        It is no part of the spec: a price that changes makes no other deployment.
        """
        price = options.get("price", found.price)
        if price is None:
            price = self._prices.dearest(body["instance_types"])
        return float(price or 0.0) * int(body["max_instances"])

    def _found(self, name: str, kind: Kind, options: Mapping[str, Any]) -> Deployment:
        asked = {k: v for k, v in options.items() if k not in (*HERE, *UNUSED) and v is not None}
        if name.startswith("jumpstart:"):
            asked["hub_document"] = self._jumpstart(name.removeprefix("jumpstart:"))
        elif _unknown_size(name, asked):
            needed = kind == "chat" and not asked.get("instance_type")
            asked["facts"] = self._facts(name, needed=needed)
        try:
            return resolve(name, region=self._account.region, kind=kind, **asked)
        except TypeError as error:
            raise ConfigurationError(
                f"an option is not known on aws: {error}",
                resource=name,
                hint="see docs/aws.md for the options of a deployment",
            ) from error

    def _facts(self, name: str, *, needed: bool) -> ModelFacts | None:
        """What the hub says of a model's size.

        Args:
            needed: nothing can be chosen without; else None where the hub does not say.
        """
        try:
            return self._hub.facts(name)
        except UnknownModel:
            raise
        except ConfigurationError:
            if needed:
                raise
            return None

    def _jumpstart(self, name: str) -> str:
        """What JumpStart says of a model."""
        try:
            found = self._account.client("sagemaker").describe_hub_content(
                HubName=HUB, HubContentType="Model", HubContentName=name
            )
        except Exception as error:
            raise translate(error, resource=name, step="ask JumpStart") from error
        document: str = found["HubContentDocument"]
        return document

    def _body(self, found: Deployment, kind: Kind, options: Mapping[str, Any]) -> dict[str, Any]:
        """The spec's body: all that makes this deployment another one, and nothing secret."""
        mine = {name: options.get(name) or getattr(self._settings, name) for name in SETTINGS}
        instances = options.get("instances", 1)
        usual = "openai-embeddings" if kind == "embed" and found.wire == "openai" else found.wire
        body: dict[str, Any] = {
            "model": found.name,
            "hub": found.hub,
            "image": found.image,
            "environment": dict(found.environment),
            "artifacts": dict(found.artifacts) if found.artifacts else None,
            "instance_types": list(found.instance_types),
            "ami": found.ami_version,
            "download_timeout_s": found.download_timeout_s,
            "health_timeout_s": found.health_timeout_s,
            "gated": found.gated,
            "isolated": found.isolated or None,
            "volume_gb": found.volume_gb,
            "context": found.context,
            "wire": _wire(options, kind, usual),
            "instances": instances,
            "max_instances": options.get("max_instances", instances),
            "role": mine["role"],
            "kms_key": mine["kms_key"],
            "subnets": list(mine["subnets"]),
            "security_groups": list(mine["security_groups"]),
        }
        body |= {name: options[name] for name in KEPT if options.get(name) is not None}
        if options.get("isolated") and found.hub and not options.get("image_uri"):
            raise ConfigurationError(
                f"isolated: without a network, {found.name} cannot be loaded from Hugging Face",
                resource=found.name,
                hint="put the weights into a bucket and name s3://bucket/prefix/, or give an "
                "image_uri that holds them",
            )
        if bool(body["subnets"]) != bool(body["security_groups"]):
            raise ConfigurationError(
                "subnets and security_groups belong together",
                resource=found.name,
                hint="give both, or neither",
            )
        if body["max_instances"] < body["instances"] or body["instances"] < 1:
            raise ConfigurationError(
                f"instances={body['instances']}, max_instances={body['max_instances']} make no "
                "sense",
                hint="give 1 <= instances <= max_instances",
            )
        return {name: value for name, value in body.items() if value not in (None, "", [])}


def _flat(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of all platforms, and over them those of this one, without what is not said.

    Raises:
        ConfigurationError: a value makes no sense.
    """
    flat = {**{k: v for k, v in options.items() if k != "aws"}, **(options.get("aws") or {})}
    said = {k: v for k, v in flat.items() if v is not None}
    return {k: READ[k](k, v) if k in READ else v for k, v in said.items()}


def _wire(options: Mapping[str, Any], kind: Kind, usual: str) -> str:
    """How the container talks: as it was said, or as containers of its sort do."""
    wire = str(options.get("wire") or usual)
    if wire not in WIRES[kind]:
        raise ConfigurationError(
            f"wire={wire!r} is not one of {', '.join(WIRES[kind])}",
            hint="leave it out, or say how the container talks",
        )
    return wire


def _unknown_size(name: str, asked: Mapping[str, Any]) -> bool:
    """Whether the hub is to be asked how large a model is: not where an own image loads it, which
    may do so in any form."""
    own = "image_uri" in asked and asked.get("instance_type")
    if own or "facts" in asked or name.startswith("s3://"):
        return False
    return "/" in name and not is_known(name)


def _key(name: str, deployment: str | None, body: Mapping[str, Any]) -> str:
    """The slot: as the caller named it, or after the model and what was asked of it."""
    if deployment is not None:
        return deployment
    last = name.rstrip("/").rpartition("/")[2].rpartition(":")[2].lower()
    slug = re.sub(r"[^a-z0-9.]+", "-", last).strip("-.") or "model"
    return f"{slug}-{spec_of('endpoint', '', body).digest[:6]}"
