"""Signatures (AWS Signature Version 4, by botocore) for calls that boto3 does not make itself."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest

SERVICE = "sagemaker"
_REMEMBERED = 256
"""URLs whose host and path are kept."""
_HOST = "sagemaker.amazonaws.com"
TOKEN_MOST_S = 12 * 3600
"""The longest that a token for SageMaker's OpenAI path may be good for."""


class _Post:
    """As much of a request as botocore's signer looks at."""

    method = "POST"
    params: Mapping[str, str] = MappingProxyType({})

    def __init__(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.url = url
        self.headers = dict(headers)
        self.body = body
        self.context: dict[str, str] = {}


class _Headers(dict[str, str]):
    """Each name once."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]]


class _Signer(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, which works out once what is the same for every call to one endpoint.

    Signing is a tenth of what a warm call costs; this halves it. The tests compare the result
    with botocore's own.
    """

    _keys: tuple[tuple[str, str], bytes] = ("", ""), b""
    _paths: dict[str, tuple[str, str]]

    def headers_to_sign(self, request: _Post) -> _Headers:
        """The headers that are there, and the host."""
        kept = {name.lower(): value for name, value in request.headers.items()}
        kept.pop("authorization", None)
        return _Headers(kept, host=self._place(request.url)[0])

    def _place(self, url: str) -> tuple[str, str]:
        """Host and canonical path of a URL."""
        found = self._paths.get(url)
        if found is None:
            if len(self._paths) > _REMEMBERED:
                self._paths.clear()
            plain = super().headers_to_sign(_Post(url, {}, b""))
            path = self._normalize_url_path(urlsplit(url).path)
            found = self._paths[url] = plain["host"], path
        return found

    def canonical_request(self, request: _Post) -> str:
        """Without a query: calls to an endpoint have none."""
        headers = self.headers_to_sign(request)
        parts = ("POST", self._place(request.url)[1], "", self.canonical_headers(headers) + "\n")
        return "\n".join((*parts, self.signed_headers(headers), self.payload(request)))

    def signature(self, string_to_sign: str, request: _Post) -> str:
        """With the key of the day, which is derived once."""
        mark = self.credentials.secret_key, request.context["timestamp"][:8]
        if self._keys[0] != mark:
            key = f"AWS4{mark[0]}".encode()
            for part in (mark[1], self._region_name, self._service_name, "aws4_request"):
                key = self._sign(key, part)
            self._keys = mark, key
        return str(self._sign(self._keys[1], string_to_sign, hex=True))


def signer(
    credentials: Callable[[], Any], region: str
) -> Callable[[str, bytes, Mapping[str, str]], dict[str, str]]:
    """Makes the headers of one POST.

    Args:
        credentials: frozen ones that are good now.
    """
    paths: dict[str, tuple[str, str]] = {}
    keys = _Signer._keys

    def headers(url: str, body: bytes, plain: Mapping[str, str]) -> dict[str, str]:
        nonlocal keys
        request = _Post(url, plain, body)
        auth = _Signer(credentials(), SERVICE, region)
        auth._paths, auth._keys = paths, keys
        auth.add_auth(request)
        keys = auth._keys
        return request.headers

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
