"""Refusals of a creation: what passes is waited out, the rest told at once, nothing secret."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from botocore import exceptions as boto

from llmanager_sdk.aws.refusals import ROLE_S, hidden, passes, without
from llmanager_sdk.core.life import Life
from llmanager_sdk.errors import ConfigurationError, PermissionMissing, StartFailed
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.clocks import Turned
from tests.aws.conftest import Make
from tests.aws.flows import BODY, ROLE, ensure, spec, want

WEIGHTS = {"S3Uri": "s3://bucket/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
IN_VPC = {"subnets": ["subnet-1"], "security_groups": ["sg-1"]}
LIFE = Life(1, spec(), dict.fromkeys(("model", "config", "endpoint"), "llm-x-tiny-1-a"))
ARN = "arn:aws:sagemaker:us-east-1:123456789012"


def refusal(message: str, operation: str = "CreateModel") -> boto.ClientError:
    answer: Any = {"Error": {"Code": "ValidationException", "Message": message}}
    return boto.ClientError(answer, operation)


@pytest.mark.parametrize(
    ("absent", "body", "says"),
    [
        ("s3://bucket/m/", {"artifacts": WEIGHTS}, "Could not find model data at s3://bucket/m/"),
        (BODY["image"], {}, "Requested image .* not found"),
        ("subnet-1", IN_VPC, "subnet ID 'subnet-1' does not exist"),
    ],
)
def test_what_a_creation_was_told_to_use_and_is_not_there_is_told_at_once(
    aws: FakeAws, make: Make, clock: Turned, absent: str, body: dict[str, Any], says: str
) -> None:
    aws.rules.absent.add(absent)
    platform = make()
    platform.beats.beat("test")
    began = clock.now
    with pytest.raises(StartFailed, match=says) as caught:
        ensure(platform, want(**body))
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert clock.now - began < 60
    assert aws.faults.calls.count("sagemaker:CreateModel") == 1


def test_a_new_role_is_waited_for_and_one_that_is_none_is_told_soon(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    platform = make()
    platform.beats.beat("test")
    new = aws.services.roles.create("new")["Role"]["Arn"]
    ensure(platform, want(key="new", role=new))
    aws.rules.absent.add(ROLE)
    began = clock.now
    with pytest.raises(StartFailed, match="Could not assume role") as caught:
        ensure(platform, want())
    assert isinstance(caught.value.__cause__, PermissionMissing)
    assert "sagemaker.amazonaws.com" in caught.value.hint
    assert ROLE_S <= clock.now - began < ROLE_S + 60


def test_a_part_is_asked_for_when_those_before_it_were_accepted(aws: FakeAws, make: Make) -> None:
    platform = make()
    platform.beats.beat("test")
    aws.faults.add(Fault("sagemaker:CreateModel", "throttled", times=20))
    ensure(platform, want())
    asked = [call for call in aws.faults.calls if call.startswith("sagemaker:Create")]
    assert asked[:21] == ["sagemaker:CreateModel"] * 21
    assert asked[21:23] == ["sagemaker:CreateEndpointConfig", "sagemaker:CreateEndpoint"]


def test_no_progress_is_told_with_the_last_answer(aws: FakeAws, make: Make, clock: Turned) -> None:
    platform = make()
    platform.beats.beat("test")
    aws.rules.visible = 1e6
    began = clock.now
    with pytest.raises(StartFailed, match="made no progress for 2700 s") as caught:
        ensure(platform, want())
    assert "the last answer was: " in str(caught.value)
    assert "Could not find endpoint configuration" in str(caught.value)
    assert 2700 < clock.now - began < 2800
    failure = platform.keeper.engine.registry.read(spec().key).failures[spec().digest]
    assert "Could not find endpoint configuration" in failure.why


def test_no_progress_of_a_container_is_told_with_its_last_words(aws: FakeAws, make: Make) -> None:
    aws.rules.creating = 1e6
    platform = make()
    platform.beats.beat("test")
    with pytest.raises(StartFailed, match="made no progress for 2700 s") as caught:
        ensure(platform, want())
    assert "falling back to the default kernel" in str(caught.value)


@pytest.mark.parametrize(
    ("message", "refused_for", "yes"),
    [
        (
            f'Could not find endpoint configuration "{ARN}:endpoint-config/llm-x-tiny-1-a".',
            9e9,
            True,
        ),
        (f'Could not find model "{ARN}:model/llm-x-tiny-1-a".', 0, True),
        ('Could not find model "llm-x-tiny-1-a".', 0, True),
        (f'Could not find model "{ARN}:model/another".', 0, False),
        ("Could not find model data at s3://bucket/m/.", 0, False),
        ("Could not assume role arn:aws:iam::1:role/x.", ROLE_S - 1, True),
        ("Could not assume role arn:aws:iam::1:role/x.", ROLE_S, False),
        ('Cannot update in-progress endpoint "x".', 9e9, True),
    ],
)
def test_what_passes(message: str, refused_for: float, yes: bool) -> None:
    assert passes(refusal(message), LIFE, refused_for) == yes


# -- what is secret


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HF_TOKEN", "hf_SECRET")
    return "hf_SECRET"


def test_a_token_that_aws_repeats_is_nowhere_to_be_read(
    aws: FakeAws, make: Make, token: str
) -> None:
    platform = make()
    platform.beats.beat("test")
    with pytest.raises(StartFailed, match=r"HF_TOKEN=\*\*\*") as caught:
        ensure(platform, want(environment={"MY-VAR": "x"}))
    assert "MY-VAR=x" in str(caught.value)
    assert token not in "".join(traceback.format_exception(caught.value))
    assert token not in repr(platform.keeper.engine.registry.read(spec().key))


def test_a_token_that_a_container_writes_is_nowhere_to_be_read(
    aws: FakeAws, make: Make, token: str
) -> None:
    aws.rules.crashing.add("org/tiny")
    platform = make()
    platform.beats.beat("test")
    write = aws.services.wrote
    aws.sagemaker._log = lambda endpoint, text: write(endpoint, f"{text} {token}")
    with pytest.raises(StartFailed, match=r"Engine core .* \*\*\*") as caught:
        ensure(platform, want())
    assert token not in "".join(traceback.format_exception(caught.value))
    assert token not in repr(platform.keeper.engine.registry.read(spec().key))
    life = platform.keeper.engine.registry.read(spec().key).lives[0]
    assert "***" in platform.endpoints.logs(life, 5)


def test_an_error_without_its_secrets_is_the_same_error() -> None:
    try:
        try:
            raise ValueError("hf_1", 2)
        except ValueError as cause:
            raise refusal("Value '{A=hf_1, B=hf_2}'") from cause
    except boto.ClientError as error:
        assert without(error, ["hf_1", "hf_2"]) is error
        assert error.response["Error"]["Message"] == "Value '{A=***, B=***}'"
        assert "hf_" not in str(error)
        assert error.__cause__ is not None
        assert error.__cause__.args == ("***", 2)
    assert hidden({"hf_1": ["a hf_1", ("hf_1", None)]}, ["hf_1"]) == {
        "***": ["a ***", ("***", None)]
    }
    assert hidden("text", []) == "text"
