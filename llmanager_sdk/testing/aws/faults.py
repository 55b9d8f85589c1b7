"""What goes wrong on the way to AWS: before a request has its effect, or after it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from llmanager_sdk.testing.aws.rules import AwsError

What = Literal[
    "throttled",
    "denied",
    "not found",
    "conflict",
    "limit",
    "5xx",
    "lost",
    "lost after",
    "crash",
    "crash after",
]
"""`lost` closes the connection without an answer; `after` means that the effect took place."""


@dataclass
class Fault:
    """One kind of trouble.

    Attributes:
        action: such as "sagemaker:CreateEndpoint"; "*" for every one.
        times: how many calls it strikes.
        skip: how many calls it lets pass before.
    """

    action: str
    what: What
    times: int = 1
    skip: int = 0


class Lost(Exception):
    """The connection ends without an answer."""


class Faults:
    """Strikes the calls that it is told to, and remembers all calls.

    Attributes:
        calls: every action, in order.
        struck: those that a fault hit.
        on_crash: what a "crash" does; the test's own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._due: list[Fault] = []
        self.calls: list[str] = []
        self.struck: list[tuple[str, str]] = []
        self.on_crash: Callable[[], None] | None = None

    def add(self, *faults: Fault) -> None:
        """Strike from now on."""
        with self._lock:
            self._due.extend(faults)

    def clear(self) -> None:
        """Nothing goes wrong any more; calls and hits are forgotten."""
        with self._lock:
            self._due.clear()
            self.calls.clear()
            self.struck.clear()

    def draw(self, action: str) -> What | None:
        """What happens to this call."""
        with self._lock:
            self.calls.append(action)
            for fault in self._due:
                if fault.action not in ("*", action):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times:
                    fault.times -= 1
                    self.struck.append((action, fault.what))
                    return fault.what
            return None


def refusal(what: str, action: str) -> AwsError | None:
    """The error that a fault answers with; None where there is no answer at all."""
    service, _, name = action.partition(":")
    match what:
        case "throttled":
            return AwsError("ThrottlingException", "Rate exceeded", 400)
        case "denied":
            return AwsError(
                "AccessDeniedException",
                f"User: arn:aws:sts::123456789012:assumed-role/dev/me is not authorized to "
                f"perform: {action} on resource: * because no identity-based policy allows the "
                f"{action} action",
                400,
            )
        case "not found":
            if service == "dynamodb":
                return AwsError("ResourceNotFoundException", "Requested resource not found")
            return AwsError("ValidationException", f"Could not find {name}.")
        case "conflict":
            return AwsError("ConflictException", f"{name} conflicts with another request.", 409)
        case "limit":
            return AwsError(
                "ResourceLimitExceeded", f"The account-level limit of {name} is reached"
            )
        case "5xx":
            return AwsError("InternalFailure", "An internal error occurred", 500)
    return None
