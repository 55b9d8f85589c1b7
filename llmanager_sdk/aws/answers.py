"""What an error of botocore says: it is not there, it is busy, or it may go well later.

Codes and messages: botocore's service models, and the texts that `docs/facts.md` lists.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from botocore import exceptions as boto


class Said(NamedTuple):
    """What AWS answered; the status is 0 where no answer came."""

    code: str
    message: str
    status: int = 0


def said(error: Exception) -> Said:
    """What an error says."""
    if not isinstance(error, boto.ClientError):
        return Said(type(error).__name__, str(error))
    body, meta = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    return Said(str(body.get("Code", "")), str(body.get("Message", "")), status)


def missing(error: Exception) -> bool:
    """It is not there. SageMaker says so with a ValidationException."""
    it = said(error)
    known = bool(_MISSING.search(it.code))
    return known or (it.code in INVALID and bool(_NO_SUCH.search(it.message)))


def in_progress(error: Exception) -> bool:
    """SageMaker changes and deletes nothing that is being created or updated."""
    return bool(_BUSY.search(said(error).message))


def new_role(it: Said) -> bool:
    """A role that was made a moment ago cannot be assumed yet."""
    return "assume role" in it.message.lower()


def transient(error: Exception) -> bool:
    """The same request may succeed a moment later, or has had its effect already."""
    if not isinstance(error, boto.ClientError):
        return isinstance(error, NO_ANSWER)
    it = said(error)
    later = bool(_LATER.search(it.code)) or it.status >= 500
    return later or in_progress(error) or new_role(it)


INVALID = {"ValidationException", "ValidationError"}
NO_ANSWER = boto.ConnectionError, boto.HTTPClientError, boto.ResponseStreamingError
_MISSING = re.compile(r"NotFound|NoSuchEntity|^404$")
_LATER = re.compile(
    r"Throttl|TooManyRequests|SlowDown|RequestLimitExceeded|ProvisionedThroughputExceeded|"
    r"Conflict|ConcurrentUpdate"
)
_NO_SUCH = re.compile(r"could not find|does not exist|not found", re.I)
_BUSY = re.compile(r"in-progress (endpoint|inference component)|currently being", re.I)
