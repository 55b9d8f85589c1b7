"""What a call to a model may raise: our classes, which are LangChain's `Model...Error` too.

errors.CallError
|-- InvalidRequest        the server refuses what it was sent
|   `-- ContextOverflow   prompt and answer are longer than the context
|-- AuthenticationFailed  a wrong or missing key
|-- PermissionRefused     a right key that may not do this
|-- ModelMissing          the server does not know the model
|-- RateLimited           too many calls
|-- EngineFailed          an error of the server's own, before or in the middle of an answer
|-- EngineUnreachable     nobody answers
|-- CallTimeout           it took too long
`-- AnswerBroken          an answer was cut off after it had begun (errors.StreamBroken)

Errors of the lifecycle have twins here, by the same names: `errors.PermissionMissing` comes out of
a call as `PermissionMissing`, which is LangChain's ModelPermissionDeniedError as well (see `twin`).
"""

from __future__ import annotations

import re
from typing import Any

import orjson
from langchain_core import exceptions as langchain

from llmanager_sdk import errors
from llmanager_sdk.errors import CallError, LLManagerError, StreamBroken
from llmanager_sdk.http.faults import CutOff, NotReached, Refused, TooSlow
from llmanager_sdk.ports.permissions import denied


class InvalidRequest(CallError, langchain.ModelInvalidRequestError):
    """The server refuses what it was sent."""


class ContextOverflow(InvalidRequest, langchain.ContextOverflowError):
    """Prompt and answer are longer than the context."""


class AuthenticationFailed(CallError, langchain.ModelAuthenticationError):
    """A wrong or missing key."""


class PermissionRefused(CallError, langchain.ModelPermissionDeniedError):
    """A right key that may not do this."""


class ModelMissing(CallError, langchain.ModelNotFoundError):
    """The server does not know the model, or the address."""


class RateLimited(CallError, langchain.ModelRateLimitError):
    """Too many calls.

    Attributes:
        retry_after_s: seconds, where the server said so.
    """

    retry_after_s: float | None = None


class EngineFailed(CallError, langchain.ModelAPIError):
    """An error of the server's own."""


class EngineUnreachable(CallError, langchain.ModelConnectionError):
    """Nobody answers."""


class CallTimeout(CallError, langchain.ModelTimeoutError):
    """It took too long."""


class AnswerBroken(StreamBroken, langchain.ModelConnectionError):
    """An answer was cut off after it had begun; what came before is not the whole answer."""


class CredentialsMissing(errors.CredentialsMissing, langchain.ModelAuthenticationError):
    """AWS does not know who asks."""


class PermissionMissing(errors.PermissionMissing, langchain.ModelPermissionDeniedError):
    """AWS does not allow what a call needs."""


class CloudUnavailable(errors.CloudUnavailable, langchain.ModelAPIError):
    """The cloud throttles, is down, or cannot be reached."""


class RegistryUnavailable(errors.RegistryUnavailable, langchain.ModelAPIError):
    """The registry cannot be reached, read or written."""


class RegistryUnknownCaller(errors.RegistryUnknownCaller, langchain.ModelAuthenticationError):
    """The registry does not know who asks."""


class CapacityUnavailable(errors.CapacityUnavailable, langchain.ModelAPIError):
    """AWS has no free instance."""


class ResourceWarming(errors.ResourceWarming, langchain.ModelAPIError):
    """It is being created, and the caller chose not to wait."""


class WaitTimeout(errors.WaitTimeout, langchain.ModelTimeoutError):
    """It was not ready within `wait_timeout`."""


class LeaseLost(errors.LeaseLost, langchain.ModelTimeoutError):
    """The call took longer than its resource is kept for one."""


_TWINS = {
    twin.__mro__[1]: twin
    for twin in (
        CredentialsMissing,
        PermissionMissing,
        CloudUnavailable,
        RegistryUnavailable,
        RegistryUnknownCaller,
        CapacityUnavailable,
        ResourceWarming,
        WaitTimeout,
        LeaseLost,
    )
}


def twin(error: LLManagerError) -> LLManagerError:
    """An error of the lifecycle as LangChain's too, where one of LangChain's fits."""
    kind: Any = _TWINS.get(type(error))
    if kind is None:
        return error
    found: LLManagerError = kind.__new__(kind)
    found.args = error.args
    found.__dict__.update(error.__dict__)
    found.__cause__, found.__traceback__ = error.__cause__, error.__traceback__
    return found


_BY_STATUS: dict[int, tuple[type[CallError], str]] = {
    400: (InvalidRequest, "correct what the message names"),
    401: (AuthenticationFailed, "check the key"),
    403: (PermissionRefused, "ask for the permission, or use another key"),
    404: (ModelMissing, "check the model's name and the address"),
    408: (CallTimeout, "try again, or ask for less"),
    413: (InvalidRequest, "send less at once"),
    422: (InvalidRequest, "correct what the message names"),
    429: (RateLimited, "try again later, or call less often"),
}
TRANSIENT = (429, 500, 502, 503, 504, 530)
"""What may be answered well a moment later."""


def plain(fault: Exception) -> Exception:
    """A refusal of SageMaker's as the container's own, or as nobody being there; others unchanged.

    An error of the container comes as ModelError, 424, with the original inside; an endpoint that
    is not there as ValidationError, 400 (botocore's service model; texts in docs/facts.md).
    """
    kind = fault.headers.get("x-amzn-errortype", "") if isinstance(fault, Refused) else ""
    if not isinstance(fault, Refused) or not kind:
        return fault
    said = _parsed(fault.body)
    said = said if isinstance(said, dict) else {}
    text = str(said.get("Message") or said.get("message") or "")
    if "OriginalStatusCode" in said:
        body = str(said.get("OriginalMessage") or text).encode()
        return Refused(int(said["OriginalStatusCode"]), body, fault.headers)
    if _NO_ENDPOINT.search(text):
        return NotReached(text)
    status = next((known for names, known in _KINDS if kind.startswith(names)), fault.status)
    return Refused(status, fault.body, fault.headers)


_NO_ENDPOINT = re.compile(r"^Endpoint \S+ of account \S+ not found", re.I)
_CALLER = ("ExpiredToken", "UnrecognizedClient", "InvalidSignature", "IncompleteSignature")
_KINDS = (("Throttling", 429), ("AccessDenied", 403), (_CALLER, 401))
"""How the names of AWS's errors begin, and the status that says the same."""


def from_refusal(refused: Refused, where: str) -> CallError:
    """The typed error for a status that is not success."""
    error = from_body(refused.status, _parsed(refused.body), where)
    error.request_id = refused.headers.get("x-amzn-requestid", "")
    if isinstance(error, RateLimited):
        error.retry_after_s = refused.retry_after
    return error


_TOO_LONG = re.compile("context length|context size has been exceeded", re.I)
"""vLLM's words, and llama.cpp's for an answer that outgrows what all its calls share."""


def from_body(status: int, body: Any, where: str) -> CallError:
    """The typed error for an error object, of an answer or of an event in a stream."""
    said = body.get("error", body) if isinstance(body, dict) else body
    told = said.get("message", said.get("Message", said)) if isinstance(said, dict) else said
    text = str(told)[:2000]
    kind = str(said.get("type", "")) if isinstance(said, dict) else ""
    if kind == "exceed_context_size_error" or _TOO_LONG.search(text):
        return ContextOverflow(
            f"the prompt does not fit: {text}",
            resource=where,
            step="call",
            hint="shorten the prompt, or ask for a larger context=",
        )
    default = (EngineFailed, "try again; if it stays, look at .resource.logs()")
    cls, hint = _BY_STATUS.get(status, default)
    if cls is PermissionRefused and (statement := denied(text).statement):
        hint = f"add this statement to the caller's policy: {statement}"
    return cls(
        f"the model's server answered {status}: {text}", resource=where, step="call", hint=hint
    )


def from_fault(fault: Exception, where: str) -> CallError:
    """The typed error for what went wrong on the way."""
    match fault:
        case Refused():
            return from_refusal(fault, where)
        case NotReached():
            return EngineUnreachable(
                f"nobody answers: {fault}",
                resource=where,
                step="connect",
                hint="try again; .resource.status() and .resource.logs() tell more",
            )
        case TooSlow():
            return CallTimeout(
                f"the answer took too long: {fault}",
                resource=where,
                step="wait for the answer",
                hint="ask for fewer tokens, or allow more time with timeout=",
            )
        case CutOff():
            return broken(str(fault), where)
    raise fault


def broken(why: str, where: str) -> AnswerBroken:
    """The typed error for an answer that is not whole."""
    return AnswerBroken(
        f"the answer was cut off: {why}",
        resource=where,
        step="read the answer",
        hint="call again: what came so far is not the whole answer",
    )


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return body.decode(errors="replace")
