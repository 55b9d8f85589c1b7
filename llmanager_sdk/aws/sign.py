"""Signatures (AWS Signature Version 4, by botocore) for calls that boto3 does not make itself."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest

SERVICE = "sagemaker"
_HOST = "sagemaker.amazonaws.com"
TOKEN_MOST_S = 12 * 3600
"""The longest that a token for SageMaker's OpenAI path may be good for."""


def signer(
    credentials: Callable[[], Any], region: str
) -> Callable[[str, bytes, Mapping[str, str]], dict[str, str]]:
    """Makes the headers of one POST.

    Args:
        credentials: frozen ones that are good now.
    """

    def headers(url: str, body: bytes, plain: Mapping[str, str]) -> dict[str, str]:
        request = AWSRequest("POST", url, dict(plain), body)
        SigV4Auth(credentials(), SERVICE, region).add_auth(request)
        return dict(request.headers)

    return headers


def bearer_token(credentials: Any, region: str, seconds: int) -> str:
    """A token for `/openai/v1/chat/completions` of an endpoint; no call is made for it.

    The form is that of `sagemaker.core.token_generator` (sagemaker-core 2.27): a request that is
    signed in its query, in base64. Not tried on a live account; see docs/facts.md.
    """
    seconds = max(1, min(int(seconds), TOKEN_MOST_S))
    request = AWSRequest(
        "POST",
        f"https://{_HOST}/",
        headers={"host": _HOST},
        params={"Action": "CallWithBearerToken"},
    )
    SigV4QueryAuth(credentials, SERVICE, region, expires=seconds).add_auth(request)
    text = request.url.removeprefix("https://") + "&Version=1"
    return "sagemaker-api-key-" + base64.b64encode(text.encode()).decode()
