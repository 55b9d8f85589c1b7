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

import orjson

_PRELUDE = struct.Struct("!III")
_LENGTH = struct.Struct("!H")
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
        at, parts = 0, []
        while len(data) - at >= _PRELUDE.size:
            total, headers, check = _PRELUDE.unpack_from(data, at)
            if crc32(data[at : at + 8]) != check or not 16 + headers <= total <= _MOST:
                raise BadFrame("the length of a frame is wrong")
            if len(data) - at < total:
                break
            parts.append(_payload(data[at : at + total], headers))
            at += total
        self._rest = data[at:]
        return b"".join(parts)

    def close(self) -> None:
        """The stream ended.

        Raises:
            BadFrame: in the middle of a frame.
        """
        if self._rest:
            raise BadFrame("the last frame is not whole")


def _payload(frame: bytes, length: int) -> bytes:
    if crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
        raise BadFrame("a frame was changed on the way")
    headers = _headers(frame[12 : 12 + length])
    payload = frame[12 + length : -4]
    kind = headers.get(":message-type")
    if kind == "event":
        return payload if headers.get(":event-type") == "PayloadPart" else b""
    if kind == "exception":
        code = headers.get(":exception-type", "Exception")
        raise StreamError(code, _message(payload))
    code = headers.get(":error-code", "Error")
    raise StreamError(code, headers.get(":error-message", ""))


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
