"""Frames as the service sends them: the counterpart of `wire.frames`, for the fake runtime."""

from __future__ import annotations

import json
import struct
from binascii import crc32
from collections.abc import Iterable, Iterator, Mapping
from random import Random


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack("!H", len(value.encode()))
        + value.encode()
        for name, value in headers.items()
    )  # fmt: skip
    lengths = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    body = lengths + struct.pack("!I", crc32(lengths)) + head + payload
    return body + struct.pack("!I", crc32(body))


def part(payload: bytes) -> bytes:
    """A PayloadPart."""
    headers = {
        ":message-type": "event",
        ":event-type": "PayloadPart",
        ":content-type": "application/octet-stream",
    }
    return frame(headers, payload)


def failure(code: str, message: str) -> bytes:
    """An error in the middle of a stream."""
    headers = {
        ":message-type": "exception",
        ":exception-type": code,
        ":content-type": "application/json",
    }
    return frame(headers, json.dumps({"Message": message, "ErrorCode": "StreamBroken"}).encode())


def framed(parts: Iterable[bytes], random: Random) -> Iterator[bytes]:
    """An answer in frames, cut anywhere (fact: the boundaries of parts mean nothing)."""
    for data in parts:
        cut = random.randrange(len(data) + 1) if data else 0
        for piece in (data[:cut], data[cut:]):
            if piece:
                yield part(piece)
