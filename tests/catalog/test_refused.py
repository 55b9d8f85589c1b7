"""What the catalog refuses, and what it says: with the arithmetic, and with a way out."""

from __future__ import annotations

from typing import Any

import pytest

from llmanager_sdk.catalog.memory import ModelFacts
from llmanager_sdk.errors import ConfigurationError, UnknownModel
from tests.catalog.test_resolve import found


@pytest.mark.parametrize(
    ("name", "how", "says"),
    [
        ("qwen3-8b", {"instance_type": "ml.g4dn.xlarge"}, r"too small .* = [\d.]+ GiB; .* usable"),
        ("qwen3-8b", {"instance_type": "ml.c6i.2xlarge"}, "too small"),
        ("qwen3-8b", {"instance_type": "ml.g5.12xlarge"}, r"wastes GPUs .* has 4, and 1 would do"),
        ("qwen2.5-7b", {"instance_type": "ml.g5.48xlarge"}, "cannot be divided among the 8 GPUs"),
        ("qwen3-32b", {"instance_type": "ml.g5.2xlarge"}, "too small"),
        ("qwen3-8b", {"instance_type": ["ml.g5.2xlarge", "ml.g4dn.xlarge"]}, "ml.g4dn.xlarge is"),
        ("my/own", {}, "nothing is known of my/own"),
        ("huge/one", {"facts": ModelFacts(2000, 100, 64, 8, 128, 8192)}, "fits no instance type"),
        ("bge-m3", {}, "no model for this"),
        ("s3://bucket/weights", {}, "nothing is known"),
        (
            "mine",
            {"image_uri": "1.dkr.ecr.us-east-1.amazonaws.com/x:1"},
            "nothing is known of what",
        ),
        ("qwen3-8b", {"environment": {"A": "x" * 1025}}, "longer than 1024"),
        ("qwen3-8b", {"environment": {"A": 1}}, "no text"),
        ("qwen3-8b", {"environment": {"9": "x"}}, "'9' is no name"),
        ("qwen3-8b", {"dtype": "int4"}, "dtype='int4' is nothing that the container"),
        ("bge-m3", {"kind": "embed", "dtype": "float16"}, "dtype='float16' is nothing that"),
        ("bge-m3", {"kind": "embed", "instance_type": "ml.g5.12xlarge"}, "wastes GPUs on bge-m3"),
        (
            "bge-m3",
            {"kind": "embed", "instance_type": ["ml.g5.xlarge", "ml.c6i.2xlarge"]},
            "not for CPUs and GPUs both",
        ),
        ("my/own", {"instance_type": "ml.c6i.2xlarge"}, "ml.c6i.2xlarge has no GPUs"),
        ("my/own", {"instance_type": "g5.xlarge"}, "g5.xlarge has no GPUs"),
        ("qwen3-8b", {"instance_type": [f"ml.g5.{n}" for n in range(6)]}, "6 instance types"),
        ("qwen3-8b", {"region": "moon-1"}, "not served in moon-1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_arithmetic(
    name: str, how: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        found(name, **how)
    assert caught.value.hint


def test_the_refusal_names_a_type_that_would_do() -> None:
    with pytest.raises(ConfigurationError) as caught:
        found("qwen3-8b", instance_type="ml.g4dn.xlarge")
    named = caught.value.hint.removeprefix("use ")
    assert found("qwen3-8b", instance_type=named).instance_types == (named,)


def test_an_unknown_name_is_told_with_what_is_near() -> None:
    with pytest.raises(UnknownModel, match="did you mean mistral-7b") as caught:
        found("mistral-7")
    assert "jumpstart:ID" in caught.value.hint
    with pytest.raises(ConfigurationError, match="no model for this") as other:
        found("qwen3-8b", kind="embed")
    assert "ManagedLLM" in other.value.hint
