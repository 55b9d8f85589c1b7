"""From what AWS says to typed errors: one table, read from the top.

Codes and messages: botocore's service models, and the texts that `docs/facts.md` lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from botocore import exceptions as boto

from llmanager_sdk.aws.answers import (
    BUSY,
    INVALID,
    NO_ANSWER,
    Said,
    missing,
    new_role,
    said,
    transient,
)
from llmanager_sdk.dynamodb_table import SIGN_IN, unknown_caller
from llmanager_sdk.errors import (
    CapacityUnavailable,
    CloudUnavailable,
    ConfigurationError,
    CredentialsMissing,
    LLManagerError,
    NotRunning,
    PermissionMissing,
    QuotaExceeded,
    StartFailed,
)
from llmanager_sdk.ports.permissions import denied


def exists(error: Exception) -> bool:
    """A create found its name in use."""
    it = said(error)
    return it.code in ("ResourceInUse", "ResourceInUseException") or bool(
        it.code in (*INVALID, "ConflictException") and _EXISTS.search(it.message)
    )


def in_progress(error: Exception) -> bool:
    """SageMaker changes and deletes nothing that is being created or updated."""
    return bool(BUSY.search(said(error).message))


def translate(error: Exception, *, resource: str = "", step: str = "") -> LLManagerError:
    """The typed error for an error of botocore.

    Args:
        resource: what it happened to.
        step: what was attempted; by default the name of the operation.
    """
    if isinstance(error, LLManagerError):
        return error
    it = said(error)
    for row in TABLE:
        if row.fits(error, it):
            found = row.make(it)
            break
    else:
        found = StartFailed(f"AWS refused: {it.code}: {it.message}", hint="see the message")
    found.resource = found.resource or resource
    found.step = step or getattr(error, "operation_name", "") or found.step
    meta = (getattr(error, "response", None) or {}).get("ResponseMetadata", {})
    found.request_id = str(meta.get("RequestId", ""))
    return found


class Row(NamedTuple):
    """Which errors, and what becomes of them."""

    name: str
    fits: Callable[[Exception, Said], bool]
    make: Callable[[Said], LLManagerError]


_QUOTA = ("ResourceLimitExceeded", "ServiceQuotaExceededException", "LimitExceededException")
_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403")
_EXISTS = re.compile(r"already exist", re.I)
_LIMIT = re.compile(r"limit '([^']+)' is ([\d.]+)")


def _denied(it: Said) -> PermissionMissing:
    told = denied(it.message)
    error = PermissionMissing(
        f"AWS does not allow {told.action or it.code}: {it.message}",
        hint=f"add this statement to the caller's policy: {told.statement}"
        if told.statement
        else "compare the caller's policies with docs/aws.md",
    )
    error.statement = told.statement
    return error


def _role(it: Said) -> PermissionMissing:
    return PermissionMissing(
        f"SageMaker cannot take the role on: {it.message}",
        hint="create it, let sagemaker.amazonaws.com assume it, or name another one as role",
    )


def _quota(it: Said) -> QuotaExceeded:
    match = _LIMIT.search(it.message)
    error = QuotaExceeded(
        f"a quota of the account is too small: {it.message}",
        hint="ask for more in Service Quotas, or use another instance_type",
    )
    error.quota = match[1] if match else ""
    return error


def _capacity(it: Said) -> CapacityUnavailable:
    return CapacityUnavailable(
        f"AWS has no free instance: {it.message}",
        hint="try again later, or give several types: instance_type=['ml.g5.xlarge', ...]",
    )


def _unavailable(it: Said) -> CloudUnavailable:
    return CloudUnavailable(
        f"AWS did not carry it out: {it.code}: {it.message}",
        hint="try again; if it stays, look at the service's health in your region",
    )


def _caller(it: Said) -> CredentialsMissing:
    return CredentialsMissing(
        f"AWS does not know who asks: {it.code}: {it.message}",
        hint=SIGN_IN,
    )


def _creating(error: Exception) -> bool:
    """What a creation does not find is something that it was told to use."""
    return str(getattr(error, "operation_name", "")).startswith("Create")


def _wrong(it: Said) -> ConfigurationError:
    return ConfigurationError(
        f"AWS refuses a parameter: {it.code}: {it.message}", hint="correct what the message names"
    )


def _gone(it: Said) -> NotRunning:
    return NotRunning(f"it is not there: {it.message}", hint="use it again: that starts a new one")


TABLE: tuple[Row, ...] = (
    Row("no, wrong or old credentials", lambda e, _: unknown_caller(e), _caller),
    Row(
        "no capacity",
        lambda _, it: "InsufficientInstanceCapacity" in it.code + it.message,
        _capacity,
    ),
    Row("quota", lambda _, it: it.code in _QUOTA, _quota),
    Row("new role", lambda _, it: new_role(it), _role),
    Row("throttled, down, no answer", lambda e, _: transient(e), _unavailable),
    Row("denied", lambda _, it: it.code in _DENIED, _denied),
    Row("not there", lambda e, _: missing(e) and not _creating(e), _gone),
    Row("anything else about the request", lambda _, it: it.code in INVALID, _wrong),
    Row(
        "botocore itself",
        lambda e, _: isinstance(e, boto.BotoCoreError) and not isinstance(e, NO_ANSWER),
        _wrong,
    ),
)
"""The first row that fits makes the error."""
