"""What everybody asked of IAM, each question once, so that policies can be held against it.

    with FakeAws() as aws:
        aws.recorder = Recorder()
        platform = AwsPlatform(settings, session=aws.session("user"))

With LLMANAGER_RECORD_CALLS=FOLDER every account records, into files of that folder: a line of JSON
for each question that is new. Namespaces are all called `ns` there, and names are cut behind it, so
that the same question of another test is the same line.
"""

from __future__ import annotations

import base64
import binascii
import functools
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from llmanager_sdk.testing.aws import beside, protocols
from llmanager_sdk.testing.aws.permissions import asks
from llmanager_sdk.testing.aws.rules import ACCOUNT, AwsError
from llmanager_sdk.testing.aws.tokens import KEY

if TYPE_CHECKING:
    from llmanager_sdk.testing.aws.server import FakeAws

FOLDER = "LLMANAGER_RECORD_CALLS"
NAMESPACE = "ns"
"""What every namespace is called here."""
OURS = re.compile(r"\bllm(?:anager)?-([a-z][a-z0-9]{0,7})(?=[-/]|$)")
_SIGNED = re.compile(r"Credential=(\w+)")
_AGAIN = re.compile(r"attempt=(?!1\b)")
_FUNCTION = re.compile(r"/functions/([^/]+)")


class Call(NamedTuple):
    """One question to IAM.

    Attributes:
        role: who asks; empty for the owner of the account.
        context: keys for conditions, with their values.
    """

    role: str
    action: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Recorder:
    """Remembers what was asked.

    Args:
        folder: where a file of this recorder's own grows; none for none.

    Attributes:
        calls: each once.
    """

    def __init__(self, folder: str = "") -> None:
        self.calls: set[Call] = set()
        self._path = Path(folder, f"{os.getpid()}-{secrets.token_hex(4)}.jsonl") if folder else None
        self._lock = threading.Lock()

    def note(self, aws: FakeAws, method: str, path: str, headers: Any, body: bytes) -> None:
        """A request, before it has its effect; not when botocore sends the same one again."""
        if _AGAIN.search(headers.get("amz-sdk-request") or ""):
            return
        role = role_of(headers.get("Authorization") or "", aws.lambdas)
        for ask in asks(aws, *_read(method, path, headers, body)):
            self._add(
                alike(Call(role, ask.action, ask.resource, tuple(sorted(ask.context.items()))))
            )

    def _add(self, call: Call) -> None:
        with self._lock:
            if call in self.calls:
                return
            self.calls.add(call)
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(file, json.dumps(call).encode() + b"\n")
            os.close(file)


@functools.cache
def _shared(folder: str, process: int) -> Recorder:
    return Recorder(folder)


def from_environ(environ: Mapping[str, str] = os.environ) -> Recorder | None:
    """The recorder of this process, where the environment names a folder."""
    folder = environ.get(FOLDER, "")
    return _shared(folder, os.getpid()) if folder else None


def read(folder: Path) -> set[Call]:
    """All that was recorded into a folder."""
    lines = (line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines())
    return {
        Call(role, action, resource, tuple((key, tuple(values)) for key, values in context))
        for role, action, resource, context in map(json.loads, lines)
    }


def role_of(authorization: str, lambdas: str = "") -> str:
    """Who signed, by the access key.

    Args:
        lambdas: the role of those that an emulator runs; their access key is the account's number.
    """
    if authorization.startswith("Bearer "):
        token = authorization.rpartition("-")[2]
        try:
            authorization = unquote(base64.b64decode(token).decode())
        except (binascii.Error, ValueError):
            return ""
    found = _SIGNED.search(authorization)
    key = found[1] if found else ""
    return lambdas if key == ACCOUNT else key.removeprefix(KEY)


def alike(call: Call) -> Call:
    """The same question, as every namespace would ask it."""
    found = OURS.search(call.resource)
    space = found[1] if found else ""
    resource = re.sub(r"^(arn:aws:sns:.*:).+", r"\1x", call.resource)  # a topic of the user's own
    if space:
        resource = re.sub(rf"\b(llm(?:anager)?-){space}\b", rf"\1{NAMESPACE}", resource)
        resource = re.sub(rf"\b(llm-{NAMESPACE}-)[^/:]+", r"\1x", resource)
        resource = re.sub(r"(:role/.+)-\w{12,13}$", r"\1-x", resource)
    return call._replace(resource=resource, context=tuple(_same(call.context, space)))


def _same(
    context: tuple[tuple[str, tuple[str, ...]], ...], space: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    for key, values in context:
        kind, _, tag = key.partition("/")
        if kind == "dynamodb:LeadingKeys":
            yield key, tuple(sorted({_partition(value, space) for value in values}))
        elif kind in ("aws:RequestTag", "aws:ResourceTag") and tag != "llmanager:namespace":
            yield key, (values if tag == "llmanager" else ("x",))
        else:
            yield key, tuple(NAMESPACE if value == space else value for value in values)


def _partition(value: str, space: str) -> str:
    """A hash key: the namespace's slots, its reapers, or a kind of the others."""
    for end in ("", "#reaper"):
        if value == f"{space}{end}":
            return NAMESPACE + end
    return f"{value[:2]}x"


def _read(method: str, path: str, headers: Any, body: bytes) -> tuple[str, str, Mapping[str, Any]]:
    """Service, operation and as much of the request as IAM sees."""
    if path.startswith("/endpoints/"):
        _, _, name, kind = path.split("/", 3)
        streamed = "WithResponseStream" if kind.endswith("-response-stream") else ""
        operation = f"InvokeEndpoint{streamed}"
        if kind.startswith("openai/"):
            operation = "CallWithBearerToken"
        return "sagemaker-runtime", operation, {"EndpointName": name}
    if (target := headers.get("X-Amz-Target") or "").startswith("DynamoDB_"):
        return "dynamodb", target.partition(".")[2], json.loads(body)
    try:
        call = protocols.read(path, headers, body)
        return call.service, call.operation, call.request
    except AwsError:  # it is for another emulator
        service, operation = beside.named(method, path, headers, body)
    if found := _FUNCTION.search(path):
        return service, operation, {"FunctionName": unquote(found[1])}
    if b"Action=" in body:
        return service, operation, dict(parse_qsl(body.decode()))
    return service, operation, {}
