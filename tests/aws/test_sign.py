"""Signatures: the same as botocore's own, and tokens in the form of SageMaker's own package."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from llmanager_sdk.aws.sign import bearer_token, signer

SECRETS = [ReadOnlyCredentials("AKID", "secret", None), ReadOnlyCredentials("B", "x", "token/+=")]
URLS = st.sampled_from(
    [
        "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/a-b/invocations",
        "http://127.0.0.1:8080/endpoints/name/invocations-response-stream",
        "https://runtime.sagemaker.cn-north-1.amazonaws.com.cn/endpoints/x%20y/invocations",
    ]
)


@given(URLS, st.binary(max_size=200), st.sampled_from(SECRETS))
def test_it_is_the_signature_that_botocore_makes(
    url: str, body: bytes, secret: ReadOnlyCredentials
) -> None:
    plain = {"Content-Type": "application/json", "X-Amzn-Thing": "  two  spaces "}
    sign = signer(lambda: secret, "us-east-1")
    for _ in range(5):  # both within one second
        ours = sign(url, body, plain)
        request = AWSRequest("POST", url, dict(plain), body)
        SigV4Auth(secret, "sagemaker", "us-east-1").add_auth(request)
        if ours["X-Amz-Date"] == request.headers["X-Amz-Date"]:
            break
    assert ours == dict(request.headers)
    assert sign(url, b"another", plain)["Authorization"] != ours["Authorization"]


def test_renewed_credentials_are_used() -> None:
    now = [SECRETS[0]]
    sign = signer(lambda: now[0], "us-east-1")
    url = "https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/a/invocations"
    assert "Credential=AKID/" in sign(url, b"", {})["Authorization"]
    now[0] = SECRETS[1]
    assert "Credential=B/" in sign(url, b"", {})["Authorization"]
    assert sign(url, b"", {})["X-Amz-Security-Token"] == "token/+="


@pytest.mark.parametrize(("asked", "given"), [(60, "60"), (10**9, "43200"), (0, "1")])
def test_a_bearer_token_is_a_signed_request(asked: int, given: str) -> None:
    token = bearer_token(SECRETS[0], "us-east-1", asked)
    text = base64.b64decode(token.removeprefix("sagemaker-api-key-")).decode()
    parts = urlsplit(f"https://{text}")
    query = parse_qs(parts.query)
    assert parts.netloc == "sagemaker.amazonaws.com"
    assert query["Action"] == ["CallWithBearerToken"]
    assert query["X-Amz-Expires"] == [given]
    assert text.endswith("&Version=1")
    assert "X-Amz-Signature" in query
