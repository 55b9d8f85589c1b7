"""From what AWS says to typed errors: every row of the table, with AWS's own codes and texts."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from botocore import exceptions as boto

from llmanager_sdk import errors
from llmanager_sdk.aws.answers import missing, said, transient
from llmanager_sdk.aws.faults import TABLE, exists, in_progress, translate

LIMIT = (
    "The account-level service limit 'ml.g6.48xlarge for endpoint usage' is 0 Instances, with "
    "current utilization of 0 Instances and a request delta of 1 Instances."
)
ENDPOINT = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/x"
DENIED = (
    "User: arn:aws:sts::123456789012:assumed-role/dev/me is not authorized to perform: "
    f"sagemaker:CreateEndpoint on resource: {ENDPOINT} because no identity-based policy allows "
    "the sagemaker:CreateEndpoint action"
)
NO_ROLE = (
    "Could not assume role arn:aws:iam::123456789012:role/x. Please ensure that the role exists "
    "and allows principal 'sagemaker.amazonaws.com' to assume the role."
)
NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error."
)
GONE = f'Could not find endpoint "{ENDPOINT}".'
BUSY = f'Cannot update in-progress endpoint "{ENDPOINT}".'
TAKEN = f'Cannot create already existing endpoint "{ENDPOINT}".'


def client(
    code: str, message: str = "why", status: int = 400, operation: str = "CreateEndpoint"
) -> boto.ClientError:
    meta = {"HTTPStatusCode": status, "RequestId": "r-1"}
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta}
    return boto.ClientError(answer, operation)


CASES: list[tuple[Exception, str, type[errors.LLManagerError]]] = [
    (boto.NoCredentialsError(), "no, wrong or old credentials", errors.CredentialsMissing),
    (
        boto.PartialCredentialsError(provider="env", cred_var="x"),
        "no, wrong or old credentials",
        errors.CredentialsMissing,
    ),
    (
        boto.CredentialRetrievalError(provider="sso", error_msg="x"),
        "no, wrong or old credentials",
        errors.CredentialsMissing,
    ),
    (boto.UnauthorizedSSOTokenError(), "no, wrong or old credentials", errors.CredentialsMissing),
    (client("ExpiredTokenException"), "no, wrong or old credentials", errors.CredentialsMissing),
    (
        client("UnrecognizedClientException"),
        "no, wrong or old credentials",
        errors.CredentialsMissing,
    ),
    (
        client("InvalidSignatureException"),
        "no, wrong or old credentials",
        errors.CredentialsMissing,
    ),
    (client("ValidationException", NO_CAPACITY), "no capacity", errors.CapacityUnavailable),
    (client("ResourceLimitExceeded", LIMIT), "quota", errors.QuotaExceeded),
    (client("ServiceQuotaExceededException"), "quota", errors.QuotaExceeded),
    (client("LimitExceededException"), "quota", errors.QuotaExceeded),
    (client("ValidationException", NO_ROLE), "new role", errors.PermissionMissing),
    (client("ThrottlingException"), "throttled, down, no answer", errors.CloudUnavailable),
    (client("TooManyRequestsException"), "throttled, down, no answer", errors.CloudUnavailable),
    (client("ConflictException"), "throttled, down, no answer", errors.CloudUnavailable),
    (client("ValidationException", BUSY), "throttled, down, no answer", errors.CloudUnavailable),
    (client("InternalFailure", "x", 500), "throttled, down, no answer", errors.CloudUnavailable),
    (
        boto.EndpointConnectionError(endpoint_url="https://x"),
        "throttled, down, no answer",
        errors.CloudUnavailable,
    ),
    (
        boto.ReadTimeoutError(endpoint_url="https://x"),
        "throttled, down, no answer",
        errors.CloudUnavailable,
    ),
    (
        boto.ConnectionClosedError(endpoint_url="https://x"),
        "throttled, down, no answer",
        errors.CloudUnavailable,
    ),
    (client("AccessDeniedException", DENIED), "denied", errors.PermissionMissing),
    (client("AccessDenied", DENIED), "denied", errors.PermissionMissing),
    (
        client("ValidationException", GONE, operation="DescribeEndpoint"),
        "not there",
        errors.NotRunning,
    ),
    (
        client("ResourceNotFoundException", operation="DescribeHubContent"),
        "not there",
        errors.NotRunning,
    ),
    (
        client("ValidationException", "Could not find model data at s3://b/m/."),
        "anything else about the request",
        errors.ConfigurationError,
    ),
    (
        client("ValidationException", "1 validation error detected"),
        "anything else about the request",
        errors.ConfigurationError,
    ),
    (
        boto.ParamValidationError(report="Unknown parameter"),
        "botocore itself",
        errors.ConfigurationError,
    ),
    (boto.ProfileNotFound(profile="x"), "botocore itself", errors.ConfigurationError),
]


@pytest.mark.parametrize(
    ("error", "row", "kind"), CASES, ids=[f"{row}: {said(e).code}" for e, row, _ in CASES]
)
def test_every_row(error: Exception, row: str, kind: type[errors.LLManagerError]) -> None:
    first = next(each for each in TABLE if each.fits(error, said(error)))
    assert first.name == row
    found = translate(error, resource="tiny")
    assert type(found) is kind
    assert (found.resource, bool(found.hint)) == ("tiny", True)
    if isinstance(error, boto.ClientError):
        assert (found.step, found.request_id) == (error.operation_name, "r-1")
        assert said(error).message in found.message
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_each_row_is_met() -> None:
    assert {row for _, row, _ in CASES} == {row.name for row in TABLE}


def test_what_nobody_foresaw_is_typed_too_and_what_is_typed_stays() -> None:
    found = translate(client("NeverHeardOf", "boom"), step="do it")
    assert type(found) is errors.StartFailed
    assert "NeverHeardOf: boom" in str(found)
    assert found.step == "do it"
    assert translate(found) is found


def test_a_quota_is_named() -> None:
    found = translate(client("ResourceLimitExceeded", LIMIT))
    assert isinstance(found, errors.QuotaExceeded)
    assert found.quota == "ml.g6.48xlarge for endpoint usage"


@pytest.mark.parametrize(
    ("text", "action", "resource"),
    [
        (DENIED, "sagemaker:CreateEndpoint", ENDPOINT),
        (
            "User: x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/r",
            "iam:PassRole",
            "arn:aws:iam::1:role/r",
        ),
        ("not authorized to perform: sagemaker:ListEndpoints", "sagemaker:ListEndpoints", "*"),
        ("You are not authorized to perform sagemaker:X.", "sagemaker:X", "*"),
    ],
)
def test_a_denial_names_the_statement_to_add(text: str, action: str, resource: str) -> None:
    found = translate(client("AccessDeniedException", text))
    assert isinstance(found, errors.PermissionMissing)
    said_to_add = {"Effect": "Allow", "Action": action, "Resource": resource}
    assert json.loads(found.statement) == said_to_add
    assert found.statement in found.hint


def test_a_denial_that_says_nothing_points_to_the_policies() -> None:
    found = translate(client("AccessDeniedException", "no"))
    assert isinstance(found, errors.PermissionMissing)
    assert found.statement == ""
    assert "docs/aws.md" in found.hint


@pytest.mark.parametrize(
    ("error", "yes"),
    [
        (client("ValidationException", GONE), {missing}),
        (client("ValidationException", 'Could not find endpoint configuration "x".'), {missing}),
        (client("ValidationException", 'Could not find model "x".'), {missing}),
        (client("ResourceNotFoundException"), {missing}),
        (client("ValidationException", BUSY), {in_progress, transient}),
        (client("ValidationException", TAKEN), {exists}),
        (client("ResourceInUseException"), {exists}),
        (client("ThrottlingException"), {transient}),
        (client("x", "x", 503), {transient}),
        (client("ValidationException", NO_ROLE), {transient}),
        (boto.ReadTimeoutError(endpoint_url="x"), {transient}),
        (client("AccessDeniedException", DENIED), set()),
        (client("ResourceLimitExceeded", LIMIT), set()),
        (boto.ProfileNotFound(profile="x"), set()),
        (boto.ConfigNotFound(path="x"), set()),
        (ValueError("x"), set()),
    ],
)
def test_what_an_answer_means(error: Exception, yes: set[Any]) -> None:
    assert {each for each in (missing, exists, in_progress, transient) if each(error)} == yes
