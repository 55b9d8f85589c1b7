"""Credentials that run out: those of assumed roles."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from llmanager_sdk.core.ports import Clock
from llmanager_sdk.testing.aws.rules import AwsError

KEY = "fake"
"""What the access key of the account's owner is; those of others are longer by their role."""
SESSION_S = 3600.0
"""How long a role's credentials are good where the caller asks for nothing else (AWS's default)."""


class Tokens:
    """The session tokens that an account gave, until when each is good.

    Attributes:
        given: how many were given, by role.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self.given: dict[str, int] = {}

    def assume(self, request: dict[str, Any]) -> dict[str, Any]:
        """STS AssumeRole: any role may be assumed."""
        role = re.sub(r"\W", "", str(request["RoleArn"]).rpartition("/")[2])
        until = self._clock.time() + float(request.get("DurationSeconds", SESSION_S))
        token = f"token-{role}-{len(self._until)}"
        self._until[token] = until
        self.given[role] = self.given.get(role, 0) + 1
        session = request["RoleSessionName"]
        arn = request["RoleArn"].replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
        return {
            "Credentials": {
                "AccessKeyId": KEY + role,
                "SecretAccessKey": "fake",
                "SessionToken": token,
                "Expiration": datetime.fromtimestamp(until, UTC).isoformat(),
            },
            "AssumedRoleUser": {"AssumedRoleId": f"AROA:{session}", "Arn": f"{arn}/{session}"},
        }

    def check(self, token: str) -> None:
        """Refuse a token that ran out.

        Raises:
            AwsError: it did.
        """
        if self._clock.time() >= self._until.get(token, float("inf")):
            text = "The security token included in the request is expired"
            raise AwsError("ExpiredTokenException", text, 403)
