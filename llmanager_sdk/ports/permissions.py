"""What AWS's refusals say of permissions. Pure."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

_ACTION = re.compile(r"not authorized to perform:? (\S+?)(?: on resource:? (\S+))?[\s.,]", re.I)


class Denied(NamedTuple):
    """What a caller may not do; empty where AWS did not say.

    Attributes:
        statement: what to add to the caller's policy, as JSON.
    """

    action: str
    resource: str
    statement: str


def denied(message: str) -> Denied:
    """Read a refusal, such as "User: ... is not authorized to perform: sagemaker:InvokeEndpoint on
    resource: arn:... because no identity-based policy allows the ... action"."""
    match = _ACTION.search(message + " ")
    if match is None:
        return Denied("", "", "")
    action, resource = match[1], (match[2] or "*").rstrip(".,")
    statement = {"Effect": "Allow", "Action": action, "Resource": resource or "*"}
    return Denied(action, resource or "*", json.dumps(statement))
