"""From a name to what is deployed: images, instances, environment, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmanager_sdk.catalog import data
from llmanager_sdk.catalog.memory import ModelFacts
from llmanager_sdk.catalog.resolve import AMI_CUDA_13, Deployment, is_known, resolve
from llmanager_sdk.errors import ConfigurationError

CHAT = [name for name, each in data.deployable().items() if each["kind"] == "chat"]
EMBED = [name for name, each in data.deployable().items() if each["kind"] == "embed"]
SMALL = ModelFacts(1.7, 24, 32, 32, 64, 8192)


def found(name: str, **how: Any) -> Deployment:
    return resolve(name, **{"region": "us-east-1", **how})


# -- short names


def test_there_are_enough_short_names() -> None:
    assert len(CHAT) >= 8
    assert len(EMBED) >= 6
    assert {"mistral-7b", "llama3-8b", "qwen3-8b"} <= set(CHAT)
    assert {"gte-large", "bge-m3"} <= set(EMBED)


@pytest.mark.parametrize("name", CHAT)
def test_every_chat_model_fits_what_is_chosen_for_it(name: str) -> None:
    it = found(name)
    assert it.instance_types
    assert "usable" in it.arithmetic
    assert it.price is not None
    assert it.price < 20
    assert it.image.startswith("763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:")
    assert it.ami_version == AMI_CUDA_13
    env = it.environment
    assert env["SM_VLLM_MODEL"] == it.hub == data.deployable()[name]["hub"]
    assert env["SM_VLLM_MAX_MODEL_LEN"] == str(it.context)
    assert it.own_tools == ("SM_VLLM_TOOL_CALL_PARSER" in env)
    checked = resolve(name, region="us-east-1", instance_type=it.instance_types)
    assert checked.instance_types == it.instance_types


@pytest.mark.parametrize("name", EMBED)
def test_every_embedder_has_an_image_and_a_dimension(name: str) -> None:
    it = found(name, kind="embed")
    small = data.deployable()[name]["params_b"] <= 0.15
    assert ("/tei-cpu:" in it.image) == small
    assert it.image.startswith("683313688378.dkr.ecr.")
    assert it.instance_types == (("ml.c6i.2xlarge",) if small else ("ml.g5.xlarge", "ml.g6.xlarge"))
    assert (it.wire, it.environment) == ("tei", {"HF_MODEL_ID": it.hub})
    assert it.dimension in (384, 768, 1024)
    assert it.ami_version is None


@pytest.mark.parametrize(
    ("name", "tool", "think", "gated"),
    [
        ("qwen3-8b", "hermes", "qwen3", False),
        ("mistral-7b", "mistral", None, True),
        ("llama3-8b", "llama3_json", None, True),
        ("deepseek-r1-8b", None, "deepseek_r1", False),
        ("phi-4", None, None, False),
    ],
)
def test_parsers_are_set(name: str, tool: str | None, think: str | None, gated: bool) -> None:
    it = found(name)
    assert it.environment.get("SM_VLLM_TOOL_CALL_PARSER") == tool
    assert it.environment.get("SM_VLLM_ENABLE_AUTO_TOOL_CHOICE") == ("true" if tool else None)
    assert it.environment.get("SM_VLLM_REASONING_PARSER") == think
    assert it.gated is gated


def test_parsers_may_be_chosen_or_left_out() -> None:
    it = found("phi-4", tool_parser="hermes", reasoning_parser="qwen3")
    assert it.own_tools
    assert it.environment["SM_VLLM_REASONING_PARSER"] == "qwen3"
    assert not found("qwen3-8b", tool_parser="").own_tools


def test_pools_are_of_several_families_and_none_much_dearer() -> None:
    it = found("qwen3-8b")
    families = {each.split(".")[1] for each in it.instance_types}
    assert len(families) >= 2
    prices = [data.price(each, "us-east-1") or 0 for each in it.instance_types]
    assert max(prices) <= 1.6 * min(prices)
    assert it.price == max(prices)


def test_a_large_model_gets_as_many_gpus_as_it_needs_and_shares_itself_among_them() -> None:
    it = found("qwen3-32b")
    gpus = {data.instances()[each].gpus for each in it.instance_types}
    assert len(gpus) == 1
    [count] = gpus
    assert it.environment.get("SM_VLLM_TENSOR_PARALLEL_SIZE") == (str(count) if count > 1 else None)


def test_a_type_that_is_named_twice_is_tried_once() -> None:
    twice = found("qwen3-8b", instance_type=["ml.g5.xlarge", "ml.g5.xlarge"])
    assert twice.instance_types == ("ml.g5.xlarge",)


def test_the_tag_of_an_image_says_which_driver_it_needs() -> None:
    assert AMI_CUDA_13 == "al2023-ami-sagemaker-inference-gpu-4-1"
    own = "1.dkr.ecr.us-east-1.amazonaws.com/mine:1-cu{}"
    for tag, ami in (("130", AMI_CUDA_13), ("129", None)):
        assert found("qwen3-8b", image_uri=own.format(tag)).ami_version == ami


def test_an_own_image_may_do_without_gpus() -> None:
    image = "1.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    assert found("my/own", image_uri=image, instance_type="ml.c6i.2xlarge").instance_types


# -- other sources


def test_a_hugging_face_id_that_is_in_the_catalog_is_the_same_model() -> None:
    assert found("Qwen/Qwen3-8B").environment == found("qwen3-8b").environment
    assert is_known("Qwen/Qwen3-8B")
    assert not is_known("my/own")


def test_any_other_id_needs_facts_or_a_type() -> None:
    by_facts = found("my/own", facts=SMALL)
    assert by_facts.environment["HF_MODEL_ID"] == "my/own"
    assert "usable" in by_facts.arithmetic
    by_type = found("my/own", instance_type="ml.g5.xlarge", context=2048)
    assert (by_type.hub, by_type.context) == ("my/own", 2048)
    assert "not computed" in by_type.arithmetic
    embeds = found("my/embedder", kind="embed")
    assert (embeds.dimension, embeds.wire) == (0, "tei")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("s3://bucket/weights", ("s3://bucket/weights/", "S3Prefix", "None")),
        ("s3://bucket/weights/", ("s3://bucket/weights/", "S3Prefix", "None")),
        ("s3://bucket/model.tar.gz", ("s3://bucket/model.tar.gz", "S3Object", "Gzip")),
    ],
)
def test_own_artifacts(name: str, source: tuple[str, str, str]) -> None:
    it = found(name, instance_type="ml.g5.xlarge")
    assert it.artifacts == dict(
        zip(("S3Uri", "S3DataType", "CompressionType"), source, strict=True)
    )
    assert it.hub == ""
    assert it.environment["SM_VLLM_MODEL"] == "/opt/ml/model"


def test_an_own_image_replaces_ours_or_stands_alone() -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    instead = found("qwen3-8b", image_uri=image, environment={"X": "1"})
    assert (instead.image, instead.ami_version) == (image, None)
    assert instead.environment["X"] == "1"
    assert instead.environment["SM_VLLM_MODEL"] == "Qwen/Qwen3-8B"
    alone = found("mine", image_uri=image, instance_type="ml.g5.xlarge", environment={"X": "1"})
    assert (alone.hub, alone.environment, alone.own_tools) == ("", {"X": "1"}, True)
    assert alone.price == 1.408
    chosen = found(
        "qwen3-8b", image_uri=image, ami_version="al2023-ami-sagemaker-inference-gpu-4-1"
    )
    assert chosen.ami_version == "al2023-ami-sagemaker-inference-gpu-4-1"


@pytest.mark.parametrize(
    ("region", "account"),
    [
        ("us-east-1", "763104351884"),
        ("eu-south-1", "692866216735"),
        ("me-south-1", "217643126080"),
        ("ap-east-1", "871362719292"),
        ("af-south-1", "626614931356"),
    ],
)
def test_images_come_from_the_accounts_of_their_region(region: str, account: str) -> None:
    assert data.image("vllm", region).startswith(f"{account}.dkr.ecr.{region}.amazonaws.com/vllm:")


def test_images_of_text_embeddings_inference_have_accounts_of_their_own() -> None:
    known = {
        "us-west-2": "246618743249",
        "eu-west-1": "141502667606",
        "eu-central-1": "492215442770",
    }
    for region, account in known.items():
        assert data.image("tei", region).split(".")[0] == account


# -- dtype, context


@pytest.mark.parametrize(
    ("how", "env"),
    [
        ({"dtype": "fp8"}, {"SM_VLLM_QUANTIZATION": "fp8"}),
        ({"dtype": "float16"}, {"SM_VLLM_DTYPE": "float16"}),
        ({"context": 4096}, {"SM_VLLM_MAX_MODEL_LEN": "4096"}),
        ({"context": 10**6, "dtype": "fp8"}, {"SM_VLLM_MAX_MODEL_LEN": "40960"}),
    ],
)
def test_dtype_and_context(how: dict[str, Any], env: dict[str, str]) -> None:
    it = found("qwen3-4b", **how)
    assert env.items() <= it.environment.items()


def test_an_old_gpu_is_served_float16() -> None:
    it = found("qwen3-0.6b", instance_type="ml.g4dn.xlarge")
    assert it.environment["SM_VLLM_DTYPE"] == "float16"


# -- JumpStart: keys as in sagemaker-core's parser

DOCUMENT = {
    "HostingEcrUri": "763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:1",
    "HostingArtifactUri": "s3://jumpstart/model/",
    "InferenceEnvironmentVariables": [
        {"Name": "OPTION_X", "DefaultValue": "1", "Scope": "container"},
        {"Name": "EMPTY", "DefaultValue": "", "Scope": "container"},
        {"Name": "ALGO", "DefaultValue": "2", "Scope": "algorithm"},
    ],
    "DefaultInferenceInstanceType": "ml.g5.2xlarge",
    "SupportedInferenceInstanceTypes": ["ml.g5.2xlarge", "ml.g5.12xlarge"],
    "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-2",
    "ModelDataDownloadTimeout": 1200,
    "ContainerStartupHealthCheckTimeout": 600,
}


def jumpstart(**how: Any) -> Deployment:
    document = how.pop("document", DOCUMENT)
    return found("jumpstart:some-model", hub_document=json.dumps(document), **how)


def test_what_jumpstart_says_is_deployed() -> None:
    it = jumpstart()
    assert it.image == DOCUMENT["HostingEcrUri"]
    assert it.environment == {"OPTION_X": "1"}
    assert it.artifacts == {
        "S3Uri": "s3://jumpstart/model/",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    assert it.instance_types == ("ml.g5.2xlarge",)
    assert it.price == 1.515
    assert it.ami_version == "al2-ami-sagemaker-inference-gpu-2"
    assert (it.download_timeout_s, it.health_timeout_s) == (1200, 600)
    assert jumpstart(instance_type="ml.g5.12xlarge").instance_types == ("ml.g5.12xlarge",)


def test_what_jumpstart_does_not_allow_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"does not serve .* on ml"):
        jumpstart(instance_type="ml.g4dn.xlarge")
    with pytest.raises(ConfigurationError, match="names no image"):
        jumpstart(document={})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        found("jumpstart:x", hub_document="<html>")
    gated = {**DOCUMENT, "HostingEulaUri": "s3://eula.txt"}
    with pytest.raises(ConfigurationError, match=r"licence that was not accepted: s3://eula\.txt"):
        jumpstart(document=gated)
    accepted = jumpstart(document=gated, accept_eula=True).artifacts
    assert accepted is not None
    assert accepted["ModelAccessConfig"] == {"AcceptEula": True}
