"""Calls that another emulator answers: told from the account's own, named, and passed on whole."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import urllib3

from llmanager_sdk.testing.aws.shapes import service as model

_SIGNED = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_NAMES = {"monitoring": "cloudwatch", "servicequotas": "service-quotas", "states": "stepfunctions"}
"""Services that sign under another name than boto3 calls them."""
_HOP = ("connection", "content-length", "date", "host", "server", "transfer-encoding")
_pool = urllib3.PoolManager(maxsize=32)


def named(method: str, path: str, headers: Any, body: bytes) -> tuple[str, str]:
    """Service and operation of any request of boto3; empty where it cannot be told."""
    signed = _SIGNED.search(headers.get("Authorization") or "")
    service = _NAMES.get(signed[1], signed[1]) if signed else ""
    if target := headers.get("X-Amz-Target"):
        return service, target.rpartition(".")[2]
    if path.startswith("/service/"):
        return service, path.rpartition("/")[2]
    if found := re.search(rb"(?:^|&)Action=(\w+)", body):
        return service, found[1].decode()
    plain = path.partition("?")[0]
    for verb, pattern, operation in _paths(service) if service else ():
        if verb == method and pattern.fullmatch(plain):
            return service, operation
    return service, ""


@cache
def _paths(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """How a service that speaks REST tells its operations apart."""
    found = []
    it = model(service)
    for operation in it.operation_names:
        http = it.operation_model(operation).http
        uri = re.escape(http["requestUri"].partition("?")[0])
        uri = re.sub(r"\\{\w+\\\+\\}", ".+", uri)
        found.append((http["method"], re.compile(re.sub(r"\\{\w+\\}", "[^/]+", uri)), operation))
    return found


def passed_on(
    url: str, method: str, path: str, headers: Any, body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body that the other emulator answers with."""
    sent = {name: value for name, value in headers.items() if name.lower() not in _HOP}
    answer = _pool.request(method, url + path, body=body, headers=sent, retries=False)
    told = {name.lower(): value for name, value in answer.headers.items()}
    kept = {name: value for name, value in told.items() if name not in _HOP}
    return answer.status, kept, answer.data
