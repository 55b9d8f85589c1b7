"""AWS event-stream frames, as SageMaker sends the parts of a streamed answer. Pure.

A frame is prelude (total length, headers length, CRC-32 of both), headers, payload, and the CRC-32
of all before it; integers are big-endian. Headers here are strings (type 7) or byte strings
(type 6). Source: the "Amazon event stream" of the Smithy specification; `botocore.eventstream` is
what the tests compare it with.
"""

from __future__ import annotations

import struct
from binascii import crc32
from collections.abc import Mapping
from functools import lru_cache

import orjson

_PRELUDE = struct.Struct("!III")
_LENGTH = struct.Struct("!H")
_CHECK = struct.Struct("!I")
_MOST = 24 * 1024 * 1024
"""The longest frame that is believed; the service's own limit is 16 MB of payload."""
_TEXTS = (6, 7)
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


class BadFrame(ValueError):
    """The bytes are no frame, or were changed on the way."""


class StreamError(Exception):
    """The service reports an error in the middle of a stream.

    Attributes:
        code: such as "ModelStreamError" or "InternalStreamFailure".
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Frames:
    """An incremental decoder; bytes may be split anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """The payload that these bytes complete, of all their frames together.

        Raises:
            BadFrame: this is no event stream.
            StreamError: the service reports one.
        """
        data = self._rest + data if self._rest else data
        at, parts, size, view = 0, [], len(data), memoryview(data)
        while size - at >= _PRELUDE.size:
            total, length, check = _PRELUDE.unpack_from(data, at)
            end = at + total
            whole = 16 + length <= total and end <= size
            # The last checksum is over the whole frame, the first one for who must wait for it.
            if not (whole and crc32(view[at : end - 4]) == _CHECK.unpack_from(data, end - 4)[0]):
                if crc32(view[at : at + 8]) != check or not 16 + length <= total <= _MOST:
                    raise BadFrame("the length of a frame is wrong")
                if whole:
                    raise BadFrame("a frame was changed on the way")
                break
            begin = at + 12 + length
            if _kind(data[at + 12 : begin]):
                parts.append(data[begin : end - 4])
            else:
                _refuse(data[at + 12 : begin], data[begin : end - 4])
            at = end
        self._rest = data[at:] if at < size else b""
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """The stream ended.

        Raises:
            BadFrame: in the middle of a frame.
        """
        if self._rest:
            raise BadFrame("the last frame is not whole")


@lru_cache(maxsize=64)
def _kind(head: bytes) -> bool:
    """Whether a frame with these headers holds a part of the answer."""
    headers = _headers(head)
    return headers.get(":message-type") == "event" and headers.get(":event-type") == "PayloadPart"


def _refuse(head: bytes, payload: bytes) -> None:
    """Raise what an error says; other events are passed over."""
    headers = _headers(head)
    kind = headers.get(":message-type")
    if kind == "exception":
        raise StreamError(headers.get(":exception-type", "Exception"), _message(payload))
    if kind != "event":
        raise StreamError(headers.get(":error-code", "Error"), headers.get(":error-message", ""))


def _message(payload: bytes) -> str:
    try:
        said = orjson.loads(payload)
        parts = [said.get("ErrorCode"), said.get("Message") or said.get("message")]
        return ": ".join(str(part) for part in parts if part)
    except (ValueError, AttributeError):
        return payload.decode(errors="replace")


def _headers(data: bytes) -> Mapping[str, str]:
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name, kind = data[at + 1 : end].decode(), data[end]
            at = end + 1
            if kind in _TEXTS:
                (length,) = _LENGTH.unpack_from(data, at)
                found[name] = data[at + 2 : at + 2 + length].decode()
                at += 2 + length
            else:
                at += _FIXED[kind]
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise BadFrame("the headers of a frame make no sense") from error
    return found
