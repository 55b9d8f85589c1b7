"""What JumpStart says of a model that is served differently on different instance types."""

from __future__ import annotations

from typing import Any

import pytest

from llmanager_sdk.catalog import hub
from llmanager_sdk.catalog.resolve import Deployment
from llmanager_sdk.errors import ConfigurationError

REGISTRY = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
GPU, CPU, NEURON = (f"{REGISTRY}/{x}" for x in ("djl-inference:1", "cpu:1", "neuron:1"))
DOCUMENT: dict[str, Any] = {
    "HostingEcrUri": GPU,
    "HostingArtifactUri": "s3://jumpstart/raw/",
    "InferenceEnvironmentVariables": [
        {"Name": "SM_NUM_GPUS", "Type": "text", "Default": "1", "Scope": "container"},
        {"Name": "WORKERS", "Type": "int", "Default": 0, "Scope": "container"},
        {"Name": "OLD", "DefaultValue": 0, "Scope": "container"},
        {"Name": "NONE", "Default": None, "Scope": "container"},
        {"Name": "EMPTY", "Default": "", "Scope": "container"},
        {"Name": "BARE", "Scope": "container"},
    ],
    "DefaultInferenceInstanceType": "ml.p3.2xlarge",
    "HostingInstanceTypeVariants": {
        "Aliases": {"cpu_ecr_uri_1": CPU},
        "Variants": {
            "c5": {"properties": {"image_uri": "$cpu_ecr_uri_1"}},
            "ml.inf2": {"Properties": {"ImageUri": NEURON}},
            "g5": {"properties": {"environment_variables": {"SM_NUM_GPUS": "4"}}},
            "ml.g5.48xlarge": {"properties": {"environment_variables": {"SM_NUM_GPUS": 8}}},
            "p4d": {"regional_properties": {"image_uri": "$gpu"}},
        },
    },
    "InferenceVolumeSize": 256,
    "InferenceEnableNetworkIsolation": True,
}


def found(*types: str, **document: Any) -> Deployment:
    return hub.deployment("some-model", {**DOCUMENT, **document}, "us-east-1", types, False)


@pytest.mark.parametrize(
    ("kind", "image", "gpus"),
    [
        ("ml.p3.2xlarge", GPU, "1"),
        ("ml.p4d.24xlarge", GPU, "1"),
        ("ml.c5.xlarge", CPU, "1"),
        ("ml.inf2.xlarge", NEURON, "1"),
        ("ml.g5.2xlarge", GPU, "4"),
        ("ml.g5.48xlarge", GPU, "8"),
    ],
)
def test_image_and_environment_are_those_of_the_instance_type(
    kind: str, image: str, gpus: str
) -> None:
    it = found(kind)
    assert it.image == image
    assert it.environment["SM_NUM_GPUS"] == gpus


def test_a_zero_is_a_value() -> None:
    assert found().environment == {"SM_NUM_GPUS": "1", "WORKERS": "0", "OLD": "0"}


def test_types_that_are_served_alike_go_together_and_others_do_not() -> None:
    assert found("ml.g5.2xlarge", "ml.g5.4xlarge").environment["SM_NUM_GPUS"] == "4"
    for types in (("ml.g5.2xlarge", "ml.g5.48xlarge"), ("ml.p3.2xlarge", "ml.c5.xlarge")):
        with pytest.raises(ConfigurationError, match="other settings on each of") as caught:
            found(*types)
        assert types[0] in caught.value.hint


def test_an_image_of_the_variants_is_enough() -> None:
    assert found("ml.c5.xlarge", HostingEcrUri=None).image == CPU
    with pytest.raises(ConfigurationError, match="names no image"):
        found("ml.g5.2xlarge", HostingEcrUri=None)


def test_prepacked_weights_come_first_since_no_script_is_added_to_them() -> None:
    raw, packed = found().artifacts, found(HostingPrepackedArtifactUri="s3://j/packed/").artifacts
    assert raw is not None
    assert packed is not None
    assert (raw["S3Uri"], packed["S3Uri"]) == ("s3://jumpstart/raw/", "s3://j/packed/")


def test_without_a_default_an_instance_type_has_to_be_named() -> None:
    with pytest.raises(ConfigurationError, match="names no instance type") as caught:
        found(DefaultInferenceInstanceType=None)
    assert "instance_type='ml.g5.2xlarge'" in caught.value.hint
    supported = ["ml.g6.xlarge"]
    with pytest.raises(ConfigurationError) as caught:
        found(DefaultInferenceInstanceType=None, SupportedInferenceInstanceTypes=supported)
    assert "instance_type='ml.g6.xlarge'" in caught.value.hint
    assert found("ml.g5.xlarge", DefaultInferenceInstanceType=None).instance_types


def test_no_network_if_the_document_says_so() -> None:
    assert found().isolated
    assert not found(InferenceEnableNetworkIsolation=False).isolated


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("ml.p3.2xlarge", 256),
        ("ml.c5.xlarge", 256),
        ("ml.inf2.xlarge", 256),
        ("ml.g4dn.xlarge", None),
        ("ml.g5.2xlarge", None),
        ("ml.g6e.2xlarge", None),
        ("ml.p4d.24xlarge", None),
        ("ml.p5.48xlarge", None),
        ("ml.trn1.2xlarge", None),
    ],
)
def test_a_volume_is_asked_for_where_the_instance_has_no_disk_of_its_own(
    kind: str, size: int | None
) -> None:
    assert found(kind).volume_gb == size
