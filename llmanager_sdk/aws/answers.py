"""What an error of botocore says; codes and texts: docs/facts.md."""

from __future__ import annotations

import re
from typing import NamedTuple

from botocore import exceptions as boto


class Said(NamedTuple):
    """What AWS answered."""

    code: str
    message: str
    status: int = 0


def said(error: Exception) -> Said:
    """What it says."""
    if not isinstance(error, boto.ClientError):
        return Said(type(error).__name__, str(error))
    body, meta = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    return Said(str(body.get("Code", "")), str(body.get("Message", "")), status)


def missing(error: Exception) -> bool:
    """It is not there."""
    if not isinstance(error, boto.ClientError):
        return False  # a profile that is not found says nothing about an endpoint
    it = said(error)
    known = bool(_MISSING.search(it.code))
    return known or (it.code in INVALID and bool(_NO_SUCH.search(it.message)))


def new_role(it: Said) -> bool:
    """It cannot be assumed yet."""
    return "assume role" in it.message.lower()


def transient(error: Exception) -> bool:
    """It may succeed later, or has had its effect already."""
    if not isinstance(error, boto.ClientError):
        return isinstance(error, NO_ANSWER)
    it = said(error)
    later = _LATER.search(it.code) or BUSY.search(it.message)
    return bool(later) or it.status >= 500 or new_role(it)


INVALID = {"ValidationException", "ValidationError"}
NO_ANSWER = boto.ConnectionError, boto.HTTPClientError, boto.ResponseStreamingError
_MISSING = re.compile(r"NotFound|NoSuchEntity|^404$")
_LATER = re.compile(
    r"Throttl|TooManyRequests|SlowDown|RequestLimitExceeded|ProvisionedThroughputExceeded|"
    r"Conflict|ConcurrentUpdate"
)
_NO_SUCH = re.compile(r"could not find|does not exist|not found", re.I)
BUSY = re.compile(r"in-progress (endpoint|inference component)|currently being", re.I)
