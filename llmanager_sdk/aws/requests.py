"""What is sent to create an endpoint, from a life. Pure.

The spec's body (made by `platform`) holds what the catalog resolved, and nothing secret:

    model, image, environment, artifacts, instance_types, ami, download_timeout_s,
    health_timeout_s, instances, max_instances, volume_gb, wire, role, subnets, security_groups,
    isolated, kms_key, context, probe
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from llmanager_sdk.aws.reapable import VARIANT, prefix, scalable
from llmanager_sdk.core.life import Life, Spec
from llmanager_sdk.ports.models import OWN_WIRE

PARTS = ("plan", "model", "config", "endpoint")
"""In the order of their creation; the first one creates nothing, and may refuse the rest."""
_MOST = 63


def names(namespace: str, spec: Spec, gen: int, token: str) -> dict[str, str]:
    """One name for all parts of a life: never used before, never again.

    SageMaker takes up to 63 letters, digits and single hyphens.
    """
    tail = f"-{gen}-{token}"
    room = _MOST - len(prefix(namespace)) - len(tail)
    slug = re.sub(r"[^a-z0-9]+", "-", spec.key.lower()).strip("-")
    if len(slug) > room:
        mark = hashlib.sha256(spec.key.encode()).hexdigest()[:6]
        slug = f"{slug[: room - 7].rstrip('-')}-{mark}"
    name = prefix(namespace) + slug + tail
    return dict.fromkeys(PARTS[1:], name)


def tags(namespace: str, life: Life, creator: str = "") -> list[dict[str, str]]:
    """What tells everybody whose it is; permissions and the reaper go by it."""
    told = {
        "llmanager:namespace": namespace,
        "llmanager:key": life.spec.key,
        "llmanager:life": life.names["endpoint"],
        "llmanager:creator": creator or life.creator,
    }
    return [{"Key": key, "Value": _tag(value)} for key, value in told.items() if value]


def _tag(value: str) -> str:
    """Tag values are letters, digits, spaces and a few signs, 256 of them at most."""
    return re.sub(r"[^\w .:/=+\-@]", "_", value)[:256]


def ours(namespace: str, life: Life, found: list[Mapping[str, str]]) -> bool:
    """Whether tags that were found are those of this life."""
    told = {each["Key"]: each["Value"] for each in found}
    return (
        told.get("llmanager:namespace") == namespace
        and told.get("llmanager:life") == life.names["endpoint"]
    )


def model(
    namespace: str, life: Life, secrets: Mapping[str, str], role: str, creator: str = ""
) -> dict[str, Any]:
    """For `CreateModel`.

    Args:
        role: that SageMaker takes on, where the spec names none.
    """
    body = life.spec.body
    container: dict[str, Any] = {
        "Image": body["image"],
        "Environment": {**body["environment"], **secrets},
    }
    if artifacts := body.get("artifacts"):
        container["ModelDataSource"] = {"S3DataSource": dict(artifacts)}
    request: dict[str, Any] = {
        "ModelName": life.names["model"],
        "PrimaryContainer": container,
        "ExecutionRoleArn": body.get("role") or role,
        "EnableNetworkIsolation": bool(body.get("isolated")),
        "Tags": tags(namespace, life, creator),
    }
    if body.get("subnets"):
        request["VpcConfig"] = {
            "Subnets": list(body["subnets"]),
            "SecurityGroupIds": list(body["security_groups"]),
        }
    return request


def config(
    namespace: str, life: Life, creator: str = "", types: Sequence[str] = ()
) -> dict[str, Any]:
    """For `CreateEndpointConfig`; several instance types become pools, tried in their order.

    Args:
        types: those that have a quota; all of the spec by default.
    """
    body = life.spec.body
    types = list(types or body["instance_types"])
    variant: dict[str, Any] = {
        "VariantName": VARIANT,
        "ModelName": life.names["model"],
        "InitialInstanceCount": body.get("instances", 1),
        "ModelDataDownloadTimeoutInSeconds": body["download_timeout_s"],
        "ContainerStartupHealthCheckTimeoutInSeconds": body["health_timeout_s"],
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    if len(types) == 1:
        variant["InstanceType"] = types[0]
    else:
        pools = [{"InstanceType": each, "Priority": n} for n, each in enumerate(types, 1)]
        variant["InstancePools"] = pools
    if body.get("ami"):
        variant["InferenceAmiVersion"] = body["ami"]
    if body.get("volume_gb"):
        variant["VolumeSizeInGB"] = body["volume_gb"]
    request: dict[str, Any] = {
        "EndpointConfigName": life.names["config"],
        "ProductionVariants": [variant],
        "Tags": tags(namespace, life, creator),
    }
    if body.get("kms_key"):
        request["KmsKeyId"] = body["kms_key"]
    return request


def endpoint(namespace: str, life: Life, creator: str = "") -> dict[str, Any]:
    """For `CreateEndpoint`: from here on it costs money."""
    return {
        "EndpointName": life.names["endpoint"],
        "EndpointConfigName": life.names["config"],
        "Tags": tags(namespace, life, creator),
    }


def scaling(life: Life) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """For `RegisterScalableTarget` and `PutScalingPolicy`; None where one size is kept."""
    body = life.spec.body
    least, most = int(body.get("instances", 1)), int(body.get("max_instances", 1))
    if most <= least:
        return None
    target = scalable(life)
    policy = {
        **target,
        "PolicyName": life.names["endpoint"],
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": float(body.get("concurrency_target", 8)),
            "PredefinedMetricSpecification": {
                "PredefinedMetricType": (
                    "SageMakerVariantConcurrentRequestsPerModelHighResolution"
                ),
            },
        },
    }
    return {**target, "MinCapacity": least, "MaxCapacity": most}, policy


def probe(body: Mapping[str, Any]) -> bytes:
    """The smallest call that an engine can answer."""
    wire = body.get("wire", "openai")
    if said := body.get("probe"):
        return str(said).encode()
    if wire == "tei":
        return b'{"inputs": "probe", "truncate": true}'
    if wire == "openai-embeddings":
        return b'{"input": "probe", "model": ""}'
    return b'{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}'


def must_pass(body: Mapping[str, Any]) -> bool:
    """Whether the container must answer the probe with success: not where nobody knows its form."""
    return body.get("wire") != OWN_WIRE or bool(body.get("probe"))
