"""SageMaker's OpenAI path: who may call it. Fact: tokens in the form of sagemaker-core's only."""

from __future__ import annotations

import base64
import binascii
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from llmanager_sdk.testing.aws.rules import AwsError

PATH = "openai/v1/chat/completions"
"""Behind the endpoint's own path. Fact: there is no other one."""
_PREFIX = "Bearer sagemaker-api-key-"


def check(kind: str, authorization: str) -> None:
    """Refuse a call as the service does. Tokens are dated by the machine's own clock.

    Raises:
        AwsError: another path, another kind of signature, or a token that is wrong or too old.
    """
    if kind != PATH:
        raise AwsError("UnknownOperationException", f"there is nothing at {kind}", 404)
    if not authorization.startswith(_PREFIX):
        raise AwsError("AccessDeniedException", "a bearer token is needed", 403)
    try:
        text = base64.b64decode(authorization.removeprefix(_PREFIX), validate=True).decode()
        query = {
            name: value[0] for name, value in parse_qs(urlsplit(f"https://{text}").query).items()
        }
        began = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        ends = began.timestamp() + int(query["X-Amz-Expires"])
        sound = query["Action"] == "CallWithBearerToken" and bool(query["X-Amz-Signature"])
    except (binascii.Error, ValueError, KeyError) as error:
        raise AwsError("AccessDeniedException", "this is no token", 403) from error
    if not sound or time.time() >= ends:
        raise AwsError("ExpiredTokenException", "the token has run out", 403)
