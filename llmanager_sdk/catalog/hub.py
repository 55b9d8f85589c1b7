"""What JumpStart says of a model, as a deployment. Keys: the parser of the package sagemaker-core.

Nobody has read a live document here: see docs/facts.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmanager_sdk.catalog.choose import price_of
from llmanager_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from llmanager_sdk.catalog.resolve import Deployment

CONTEXT = 4096
"""The document does not say how long a context is served."""


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
    image, artifact = said.get("HostingEcrUri"), said.get("HostingArtifactUri")
    if not image:
        raise ConfigurationError(
            f"JumpStart names no image for {name}",
            resource=name,
            step="read the hub document",
            hint="use the Hugging Face id of the model instead",
        )
    eula = str(said.get("HostingEulaUri") or "")
    if eula and not accept_eula:
        raise ConfigurationError(
            f"{name} has a licence that was not accepted: {eula}",
            resource=name,
            hint="read it, then pass accept_eula=True",
        )
    chosen = types or (str(said.get("DefaultInferenceInstanceType")),)
    supported = said.get("SupportedInferenceInstanceTypes") or list(chosen)
    if wrong := [each for each in chosen if each not in supported]:
        raise ConfigurationError(
            f"JumpStart does not serve {name} on {', '.join(wrong)}",
            resource=name,
            hint=f"use one of {', '.join(supported)}",
        )
    return Deployment(
        name,
        "",
        str(image),
        _environment(said),
        artifacts(str(artifact), accept_eula) if artifact else None,
        tuple(chosen),
        said.get("InferenceAmiVersion"),
        "tei" if "/tei" in str(image) else "openai",
        False,
        CONTEXT,
        None,
        False,
        price_of(tuple(chosen), region),
        download_timeout_s=int(said.get("ModelDataDownloadTimeout") or DOWNLOAD_S),
        health_timeout_s=int(said.get("ContainerStartupHealthCheckTimeout") or HEALTH_S),
    )


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
    listed = said.get("InferenceEnvironmentVariables") or []
    return {
        str(each["Name"]): str(each["DefaultValue"])
        for each in listed
        if each.get("Scope", "container") == "container" and each.get("DefaultValue")
    }


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
