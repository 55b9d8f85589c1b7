"""What JumpStart says of a model, as a deployment. Keys: the parser of the package sagemaker-core.

Nobody has read a live document here: see docs/facts.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmanager_sdk.catalog.choose import price_of
from llmanager_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from llmanager_sdk.catalog.resolve import Deployment

CONTEXT = 4096
"""The document does not say how long a context is served."""
_OWN_DISK = re.compile(r"ml\.(\w*d\w*|g[56]\w*|g7e\w*|p5\w*|p6-b200|trn[12]\w*)\.")
"""Families whose disk is their own, so that no size may be asked for (as sagemaker-core has it)."""


def deployment(
    name: str,
    document: str | Mapping[str, Any],
    region: str,
    types: tuple[str, ...],
    accept_eula: bool,
) -> Deployment:
    """The deployment that a document describes.

    Raises:
        ConfigurationError: it lacks something, or a licence was not accepted.
    """
    from llmanager_sdk.catalog.resolve import DOWNLOAD_S, HEALTH_S, Deployment

    said = _parsed(name, document)
    eula = str(said.get("HostingEulaUri") or "")
    if eula and not accept_eula:
        raise ConfigurationError(
            f"{name} has a licence that was not accepted: {eula}",
            resource=name,
            hint="read it, then pass accept_eula=True",
        )
    if not (said.get("HostingEcrUri") or said.get("HostingInstanceTypeVariants")):
        raise _imageless(name)
    chosen = _chosen(name, said, types)
    image, environment = _container(name, said, chosen)
    artifact = said.get("HostingPrepackedArtifactUri") or said.get("HostingArtifactUri")
    sized = not any(map(_OWN_DISK.match, chosen))
    return Deployment(
        name,
        "",
        image,
        environment,
        artifacts(str(artifact), accept_eula) if artifact else None,
        chosen,
        said.get("InferenceAmiVersion"),
        "tei" if "/tei" in image else "openai",
        False,
        CONTEXT,
        None,
        False,
        price_of(chosen, region),
        download_timeout_s=int(said.get("ModelDataDownloadTimeout") or DOWNLOAD_S),
        health_timeout_s=int(said.get("ContainerStartupHealthCheckTimeout") or HEALTH_S),
        isolated=bool(said.get("InferenceEnableNetworkIsolation")),
        volume_gb=said.get("InferenceVolumeSize") if sized else None,
    )


def _chosen(name: str, said: Mapping[str, Any], types: tuple[str, ...]) -> tuple[str, ...]:
    """The instance types: the caller's, or the default of the document."""
    usual = said.get("DefaultInferenceInstanceType")
    supported = said.get("SupportedInferenceInstanceTypes") or []
    if not (types or usual):
        raise ConfigurationError(
            f"JumpStart names no instance type for {name}",
            resource=name,
            step="choose the instance type",
            hint=f"name one: instance_type={(supported or ['ml.g5.2xlarge'])[0]!r}",
        )
    chosen = types or (str(usual),)
    if wrong := [each for each in chosen if supported and each not in supported]:
        raise ConfigurationError(
            f"JumpStart does not serve {name} on {', '.join(wrong)}",
            resource=name,
            hint=f"use one of {', '.join(supported)}",
        )
    return chosen


def _container(
    name: str, said: Mapping[str, Any], types: tuple[str, ...]
) -> tuple[str, dict[str, str]]:
    """Image and environment; the same for all types, since they are the model's."""
    found = [_container_on(said, each) for each in types]
    if not all(image for image, _ in found):
        raise _imageless(name)
    if any(each != found[0] for each in found):
        raise ConfigurationError(
            f"JumpStart serves {name} with other settings on each of {', '.join(types)}",
            resource=name,
            step="choose the instance type",
            hint=f"give one: instance_type={types[0]!r}",
        )
    return found[0]


def _imageless(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"JumpStart names no image for {name}",
        resource=name,
        step="read the hub document",
        hint="use the Hugging Face id of the model instead",
    )


def _container_on(said: Mapping[str, Any], kind: str) -> tuple[str, dict[str, str]]:
    """On one instance type: what holds for it, else for its family, else for all."""
    image, environment = str(said.get("HostingEcrUri") or ""), _environment(said)
    variants = _lowered(said.get("HostingInstanceTypeVariants"))
    aliases, known = variants.get("aliases") or {}, variants.get("variants") or {}
    family = kind.rpartition(".")[0]
    for each in (family.removeprefix("ml."), family, kind):
        own = _lowered(_lowered(known.get(each)).get("properties"))
        image = str(own.get("imageuri") or image)
        more = own.get("environmentvariables") or {}
        environment |= {str(key): str(value) for key, value in more.items()}
    return str(aliases.get(image[1:], image)) if image.startswith("$") else image, environment


def _lowered(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Keys without case and underscores: documents have ImageUri and image_uri."""
    return {key.replace("_", "").lower(): value for key, value in (found or {}).items()}


def _parsed(name: str, document: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(document, Mapping):
        return document
    try:
        found: Mapping[str, Any] = json.loads(document)
        return found
    except ValueError as error:
        raise ConfigurationError(
            f"what JumpStart says of {name} cannot be read", resource=name
        ) from error


def _environment(said: Mapping[str, Any]) -> dict[str, str]:
    """Of all instance types; a variable without a value would be worse than none."""
    found = {}
    for each in said.get("InferenceEnvironmentVariables") or []:
        value = each.get("Default", each.get("DefaultValue"))
        if each.get("Scope", "container") == "container" and value not in (None, ""):
            found[str(each["Name"])] = str(value)
    return found


def artifacts(uri: str, accept_eula: bool = False) -> dict[str, Any]:
    """S3DataSource of SageMaker: one archive, or a folder."""
    gzip = uri.endswith(".tar.gz")
    uri = uri if gzip or uri.endswith("/") else f"{uri}/"
    source: dict[str, Any] = {
        "S3Uri": uri,
        "S3DataType": "S3Object" if gzip else "S3Prefix",
        "CompressionType": "Gzip" if gzip else "None",
    }
    return source | ({"ModelAccessConfig": {"AcceptEula": True}} if accept_eula else {})
