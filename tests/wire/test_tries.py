"""What is tried again, for how long, and how long the pauses are."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core import exceptions as langchain

from llmanager_sdk import errors as lifecycle
from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.http.faults import CutOff, NotReached, Refused, TooSlow
from llmanager_sdk.wire import errors
from llmanager_sdk.wire.caller import LIVES, PAUSE_MOST_S, _Tries

ERROR = errors.EngineFailed("x")


def refused(status: int, after: str = "") -> Refused:
    return Refused(status, b"", {"Retry-After": after} if after else {})


@given(st.sampled_from(errors.TRANSIENT), st.integers(1, 12))
def test_pauses_are_drawn_from_nothing_to_a_bound_that_doubles(status: int, most: int) -> None:
    tries = _Tries(most)
    for number in range(1, most + 1):
        assert (
            0 <= tries.pause(refused(status), ERROR, False) <= min(0.25 * 2**number, PAUSE_MOST_S)
        )
    with pytest.raises(errors.EngineFailed):
        tries.pause(refused(status), ERROR, False)


def test_full_jitter_uses_the_whole_width() -> None:
    drawn = [_Tries(1).pause(refused(503), ERROR, False) for _ in range(400)]
    assert min(drawn) < 0.1
    assert max(drawn) > 0.4
    assert len(set(drawn)) > 300


@pytest.mark.parametrize("after", ["0", "7", "60"])
def test_a_server_that_says_when_is_believed(after: str) -> None:
    assert _Tries(1).pause(refused(429, after), ERROR, False) == float(after)


def test_but_nobody_sleeps_for_an_hour() -> None:
    with pytest.raises(errors.EngineFailed):
        _Tries(5).pause(refused(429, "3600"), ERROR, False)


@pytest.mark.parametrize("fault", [*map(refused, (400, 401, 403, 404, 424)), TooSlow(), CutOff()])
def test_what_stays_is_not_tried_again(fault: Exception) -> None:
    with pytest.raises(errors.EngineFailed) as caught:
        _Tries(9).pause(fault, ERROR, False)
    assert caught.value.__cause__ is fault


def test_a_connection_that_is_refused_is_tried_at_once_and_then_for_a_while() -> None:
    tries = _Tries(0)
    assert tries.pause(NotReached(), ERROR, False) == 0.0
    assert tries.pause(NotReached(), ERROR, False) == 0.2


def test_so_many_engines_may_end_under_one_call() -> None:
    tries = _Tries(0)
    assert [tries.pause(NotReached(), ERROR, True) for _ in range(LIVES + 1)] == [0.0] * (LIVES + 1)
    with pytest.raises(errors.EngineFailed):
        tries.pause(NotReached(), ERROR, True)


# -- what SageMaker says


def said(kind: str, status: int, body: str) -> Refused:
    headers = {"x-amzn-errortype": kind, "x-amzn-requestid": "r-1"}
    return Refused(status, body.encode(), headers)


DENIED = (
    '{"Message": "User: arn:aws:sts::1:assumed-role/dev/me is not authorized to perform: '
    "sagemaker:InvokeEndpoint on resource: arn:aws:sagemaker:us-east-1:1:endpoint/x because no "
    'identity-based policy allows the sagemaker:InvokeEndpoint action"}'
)


@pytest.mark.parametrize(
    ("fault", "kind", "theirs"),
    [
        (
            said("ModelError", 424, '{"OriginalStatusCode": 400, "OriginalMessage": "bad"}'),
            errors.InvalidRequest,
            langchain.ModelInvalidRequestError,
        ),
        (
            said(
                "ModelError",
                424,
                '{"OriginalStatusCode": 400, "OriginalMessage": "{\\"message\\": '
                '\\"maximum context length is 8192\\"}"}',
            ),
            errors.ContextOverflow,
            langchain.ContextOverflowError,
        ),
        (
            said("ModelError", 424, '{"OriginalStatusCode": 429, "OriginalMessage": "busy"}'),
            errors.RateLimited,
            langchain.ModelRateLimitError,
        ),
        (
            said("ModelError", 424, '{"OriginalStatusCode": 500, "OriginalMessage": "oom"}'),
            errors.EngineFailed,
            langchain.ModelAPIError,
        ),
        (said("ThrottlingException", 400, "{}"), errors.RateLimited, langchain.ModelRateLimitError),
        (
            said("ModelNotReadyException", 429, "{}"),
            errors.RateLimited,
            langchain.ModelRateLimitError,
        ),
        (
            said("AccessDeniedException", 403, DENIED),
            errors.PermissionRefused,
            langchain.ModelPermissionDeniedError,
        ),
        (
            said("ExpiredTokenException", 403, "{}"),
            errors.AuthenticationFailed,
            langchain.ModelAuthenticationError,
        ),
        (
            said("UnrecognizedClientException", 403, "{}"),
            errors.AuthenticationFailed,
            langchain.ModelAuthenticationError,
        ),
        (said("ServiceUnavailable", 503, "{}"), errors.EngineFailed, langchain.ModelAPIError),
        (said("InternalFailure", 500, "{}"), errors.EngineFailed, langchain.ModelAPIError),
        (
            said("InternalDependencyException", 530, "{}"),
            errors.EngineFailed,
            langchain.ModelAPIError,
        ),
        (
            said("ValidationError", 400, '{"Message": "Invalid body"}'),
            errors.InvalidRequest,
            langchain.ModelInvalidRequestError,
        ),
    ],
)
def test_answers_of_the_runtime_are_typed(
    fault: Refused, kind: type[LLManagerError], theirs: type[Exception]
) -> None:
    found = errors.from_fault(errors.plain(fault), "here")
    assert type(found) is kind
    assert isinstance(found, theirs)
    assert found.request_id == "r-1"
    assert found.hint


def test_a_denial_says_what_to_add() -> None:
    found = errors.from_fault(errors.plain(said("AccessDeniedException", 403, DENIED)), "here")
    assert '"Action": "sagemaker:InvokeEndpoint"' in found.hint
    assert "endpoint/x" in found.hint


def test_an_endpoint_that_is_not_there_is_nobody_answering() -> None:
    gone = said("ValidationError", 400, '{"Message": "Endpoint x of account 123 not found."}')
    assert isinstance(errors.plain(gone), NotReached)
    assert isinstance(errors.from_fault(errors.plain(gone), "here"), langchain.ModelConnectionError)


def test_a_context_that_calls_share_and_have_filled_is_an_overflow() -> None:
    body = b'{"error": {"code": 500, "message": "Context size has been exceeded."}}'
    found = errors.from_fault(Refused(500, body), "here")
    assert isinstance(found, langchain.ContextOverflowError)


# -- errors of the lifecycle, on their way out of a call


@pytest.mark.parametrize(
    ("error", "theirs"),
    [
        (lifecycle.CredentialsMissing("x"), langchain.ModelAuthenticationError),
        (lifecycle.PermissionMissing("x"), langchain.ModelPermissionDeniedError),
        (lifecycle.CloudUnavailable("x"), langchain.ModelAPIError),
        (lifecycle.RegistryUnavailable("x"), langchain.ModelAPIError),
        (lifecycle.CapacityUnavailable("x"), langchain.ModelAPIError),
        (lifecycle.ResourceWarming("x", estimate_s=3.0), langchain.ModelAPIError),
        (lifecycle.WaitTimeout("x"), langchain.ModelTimeoutError),
        (lifecycle.LeaseLost("x"), langchain.ModelTimeoutError),
    ],
)
def test_they_are_langchains_too(error: LLManagerError, theirs: type[Any]) -> None:
    error.resource, error.__cause__ = "tiny", ValueError("why")
    found = errors.twin(error)
    assert isinstance(found, theirs)
    assert isinstance(found, type(error))
    assert type(found).__name__ == type(error).__name__
    assert str(found) == str(error)
    assert found.__cause__ is error.__cause__
    assert vars(found) == vars(error)
    assert errors.twin(found) is found
    assert type(pickle.loads(pickle.dumps(found))) is type(found)


@pytest.mark.parametrize("error", [lifecycle.StartFailed("x"), lifecycle.SpecChanged("x"), ERROR])
def test_others_stay_as_they_are(error: LLManagerError) -> None:
    assert errors.twin(error) is error
