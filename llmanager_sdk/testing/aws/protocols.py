"""The protocols of AWS's services, as a server: JSON 1.0 and 1.1, query, RPC v2 CBOR."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import urllib3

from llmanager_sdk.testing.aws.rules import AwsError
from llmanager_sdk.testing.aws.shapes import service as model


@dataclass(frozen=True)
class Call:
    """One request, decoded."""

    service: str
    operation: str
    form: Literal["json", "query", "cbor"]
    request: dict[str, Any]


_TARGETS = {
    "SageMaker": "sagemaker",
    "ServiceQuotasV20190624": "service-quotas",
    "Logs_20140328": "logs",
    "AnyScaleFrontendService": "application-autoscaling",
    "AWSPriceListService": "pricing",
    "GraniteServiceVersion20100801": "cloudwatch",
}
_VERSIONS = {"2011-06-15": "sts", "2010-05-08": "iam", "2010-05-15": "cloudformation"}
"""Of the services that speak query."""


def read(path: str, headers: Any, body: bytes) -> Call:
    """Decode a request of boto3.

    Raises:
        AwsError: nobody here speaks like that.
    """
    if target := headers.get("X-Amz-Target"):
        service, _, operation = target.rpartition(".")
        if service in _TARGETS:
            return Call(_TARGETS[service], operation, "json", json.loads(body or b"{}"))
    elif path.startswith("/service/"):
        _, _, service, _, operation = path.split("/", 4)
        return Call(_TARGETS[service], operation, "cbor", _cbor(body))
    elif b"Action=" in body:
        pairs = dict(parse_qsl(body.decode(), keep_blank_values=True))
        operation, service = pairs["Action"], _VERSIONS.get(pairs.get("Version", ""), "")
        if service:
            shape = model(service).operation_model(operation).input_shape
            return Call(service, operation, "query", _structure(shape, pairs, "") if shape else {})
    raise AwsError("UnknownOperationException", f"nobody here answers {path}", 404)


def write(call: Call, answer: dict[str, Any]) -> tuple[str, bytes]:
    """Content type and body of a success."""
    if call.form == "json":
        return "application/x-amz-json-1.1", json.dumps(answer).encode()
    if call.form == "cbor":
        return "application/cbor", _to_cbor(answer)
    inner = _xml(answer)
    text = (
        f"<{call.operation}Response><{call.operation}Result>{inner}</{call.operation}Result>"
        f"</{call.operation}Response>"
    )
    return "text/xml", text.encode()


def write_error(call: Call, error: AwsError) -> tuple[str, bytes]:
    """Content type and body of a refusal."""
    if call.form == "query":
        code, message = escape(error.code), escape(error.message)
        text = (
            f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            "</ErrorResponse>"
        )
        return "text/xml", text.encode()
    told = {"__type": error.code, "message": error.message}
    if call.form == "cbor":
        return "application/cbor", _to_cbor(told)
    return "application/x-amz-json-1.1", json.dumps(told).encode()


# -- query ---------------------------------------------------------------------------------------


def _structure(shape: Any, pairs: Mapping[str, str], at: str) -> dict[str, Any]:
    """What the pairs whose names begin with `at` say, as the service's model reads them."""
    found = {}
    for name, member in shape.members.items():
        here = at + str(member.serialization.get("name", name))
        if any(key == here or key.startswith(f"{here}.") for key in pairs):
            found[name] = _value(member, pairs, here)
    return found


def _value(shape: Any, pairs: Mapping[str, str], at: str) -> Any:
    match shape.type_name:
        case "structure":
            return _structure(shape, pairs, f"{at}.")
        case "list":
            inside = [
                key.removeprefix(f"{at}.member.") for key in pairs if key.startswith(f"{at}.")
            ]
            numbers = sorted({int(key.partition(".")[0]) for key in inside if key[:1].isdigit()})
            return [_value(shape.member, pairs, f"{at}.member.{number}") for number in numbers]
        case "boolean":
            return pairs[at] == "true"
        case "integer" | "long":
            return int(pairs[at])
        case _:
            return pairs[at]


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(each)}</{name}>" for name, each in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_xml(each)}</member>" for each in value)
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


# -- CBOR: RFC 8949, as much of it as the service uses ---------------------------------------------


def _cbor(body: bytes) -> dict[str, Any]:
    found = _item(io.BytesIO(body)) if body else {}
    return found if isinstance(found, dict) else {}


def _item(data: io.BytesIO) -> Any:
    head = data.read(1)[0]
    major, info = head >> 5, head & 31
    if major == 7:
        return _simple(info, data)
    size = None if info == 31 else _size(info, data)
    match major:
        case 0:
            return size
        case 1:
            return -1 - (size or 0)
        case 2 | 3:
            raw = data.read(size)
            return raw if major == 2 else raw.decode()
        case 4:
            return list(_some(size, data))
        case 5:
            items = list(_some(None if size is None else 2 * size, data))
            return dict(zip(items[::2], items[1::2], strict=True))
        case _:  # a tag: 1 is a time in seconds
            return _item(data)


def _some(size: int | None, data: io.BytesIO) -> Any:
    count = 0
    while size is None or count < size:
        item = _item(data)
        if item is _BREAK:
            return
        yield item
        count += 1


_BREAK = object()


def _simple(info: int, data: io.BytesIO) -> Any:
    import struct

    plain = {20: False, 21: True, 22: None, 23: None, 31: _BREAK}
    if info in plain:
        return plain[info]
    kind, size = {25: ("!e", 2), 26: ("!f", 4), 27: ("!d", 8)}[info]
    return struct.unpack(kind, data.read(size))[0]


def _size(info: int, data: io.BytesIO) -> int:
    return info if info < 24 else int.from_bytes(data.read(1 << (info - 24)), "big")


def _to_cbor(value: Any) -> bytes:
    import struct

    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack("!d", value)
    if isinstance(value, datetime):
        return b"\xc1" + _to_cbor(value.timestamp())
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(_to_cbor, value))
    pairs = b"".join(_to_cbor(k) + _to_cbor(_dated(k, v)) for k, v in value.items())
    return _head(5, len(value)) + pairs


def _dated(name: str, value: Any) -> Any:
    """Times, which the fake keeps as seconds, in the service's own form."""
    if name == "Timestamps":
        return [datetime.fromtimestamp(each) for each in value]
    return value


def _head(major: int, size: int) -> bytes:
    if size < 24:
        return bytes([major << 5 | size])
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if size < 1 << 8 * width:
            return bytes([major << 5 | info]) + size.to_bytes(width, "big")
    raise ValueError(size)


# -- DynamoDB --------------------------------------------------------------------------------------

_pool = urllib3.PoolManager(maxsize=32)
_ALONE = (
    "UpdateContinuousBackups",
    "DescribeContinuousBackups",
    "TagResource",
    "UntagResource",
    "ListTagsOfResource",
)
"""Fact: DynamoDB Local knows none of these; AWS does."""


def dynamodb(
    url: str, headers: Any, body: bytes, tags: dict[str, dict[str, str]]
) -> tuple[int, bytes]:
    """Pass a call on to a DynamoDB, and answer what that one does not know.

    Args:
        tags: of the tables, by ARN; and what backups they have.
    """
    operation = headers["X-Amz-Target"].partition(".")[2]
    if operation in _ALONE:
        return 200, json.dumps(_alone(operation, json.loads(body), tags)).encode()
    if not url:
        refused = {"__type": "InternalFailure", "message": "this account has no DynamoDB"}
        return 500, json.dumps(refused).encode()
    kept = ("X-Amz-Target", "Content-Type", "Authorization", "X-Amz-Date")
    passed = {name: headers[name] for name in kept if headers.get(name)}
    answer = _pool.request("POST", url, body=body, headers=passed, retries=False)
    if operation == "DeleteTable" and answer.status == 200:
        tags.pop(json.loads(answer.data)["TableDescription"]["TableArn"], None)
    return answer.status, answer.data


def _alone(operation: str, request: Any, tags: dict[str, dict[str, str]]) -> dict[str, Any]:
    if "Backups" in operation:
        kept = tags.setdefault(f"backups of {request['TableName']}", {"status": "DISABLED"})
        if "PointInTimeRecoverySpecification" in request:
            kept["status"] = "ENABLED"
        recovery = {"PointInTimeRecoveryStatus": kept["status"]}
        told = {"PointInTimeRecoveryDescription": recovery, "ContinuousBackupsStatus": "ENABLED"}
        return {"ContinuousBackupsDescription": told}
    mine = tags.setdefault(request["ResourceArn"], {})
    match operation:
        case "TagResource":
            mine |= {each["Key"]: each["Value"] for each in request["Tags"]}
        case "UntagResource":
            for key in request["TagKeys"]:
                mine.pop(key, None)
        case "ListTagsOfResource":
            return {"Tags": [{"Key": key, "Value": value} for key, value in mine.items()]}
    return {}
