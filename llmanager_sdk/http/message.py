"""One answer of HTTP/1.1, from its bytes as they come. Pure; the form is that of RFC 9112.

A warm call costs mostly what its answer costs to read: http.client and urllib3 take a quarter of a
millisecond for a small streamed one, this takes a tenth of that, since nothing looks at the headers
of an answer that is well, and chunks that came together stay together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from urllib3 import HTTPHeaderDict

_HEAD_MOST = 64 * 1024
_LINE_MOST = 8 * 1024
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-5]\d\d)(?: .*)?")
_SIZE = re.compile(rb"([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_BODY = (204, 304)


class BadMessage(ValueError):
    """The bytes are no answer of HTTP/1.1."""


class Message:
    """An incremental decoder; bytes may be split anywhere.

    Attributes:
        status: 0 until the head is there.
        done: the body is whole.
        keep: another request may follow on the connection.
    """

    def __init__(self) -> None:
        self.status = 0
        self.done = False
        self.keep = False
        self._rest = b""
        self._head: dict[bytes, list[bytes]] = {}
        self._left: int | None = None  # bytes of the body, or of a chunk; None until the end
        self._chunked = False
        self._behind = False  # a chunk's data is read, the line break behind it is not
        self._trailer = False

    @property
    def headers(self) -> Mapping[str, str]:
        """Whatever the case of their names."""
        found = HTTPHeaderDict()
        for name, values in self._head.items():
            for value in values:
                found.add(name.decode("latin-1"), value.decode("latin-1"))
        return found

    def feed(self, data: bytes) -> bytes:
        """The part of the body that these bytes hold.

        Raises:
            BadMessage: this is no answer.
        """
        if self._rest:
            data = self._rest + data
            self._rest = b""
        while not self.status:
            head, end, behind = data.partition(b"\r\n\r\n")
            if not end:
                if len(data) > _HEAD_MOST:
                    raise BadMessage("its head has no end")
                self._rest = data
                return b""
            data = behind
            self._begin(head)
        if self._chunked:
            return self._chunks(data)
        if self._left is None:
            return data
        body, more = data[: self._left], data[self._left :]
        self._left -= len(body)
        self._end(self._left == 0, more)
        return body

    def close(self) -> None:
        """The connection was closed.

        Raises:
            BadMessage: the answer is not whole.
        """
        if self._left is None and self.status and not self._chunked:
            self.done = True
        if not self.done:
            raise BadMessage("the connection was closed")

    # -- head ----------------------------------------------------------------------------------

    def _begin(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        match = _STATUS.fullmatch(first)
        if match is None:
            raise BadMessage(f"it begins with {first[:40]!r}")
        status = int(match[2])
        if status < 200:
            return  # another head follows
        self._head = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not _NAME.fullmatch(name):
                raise BadMessage(f"a header is {line[:40]!r}")
            self._head.setdefault(name.lower(), []).append(value.strip(b" \t"))
        self.status = status
        wishes = b",".join(self._head.get(b"connection", [])).lower()
        self.keep = match[1] == b"1" and b"close" not in wishes
        self._measure()

    def _measure(self) -> None:
        """How the end of the body is told."""
        coding = self._head.get(b"transfer-encoding")
        lengths = set(self._head.get(b"content-length", []))
        if self.status in _NO_BODY:
            self._left = 0
        elif coding is not None:
            if [each.lower() for each in coding] != [b"chunked"] or lengths:
                raise BadMessage("nobody can tell where it ends")
            self._chunked, self._left = True, 0
        elif lengths:
            (length, *others) = lengths
            if others or not length.isdigit():
                raise BadMessage("its length makes no sense")
            self._left = int(length)
        else:
            self.keep = False
        self.done = self._left == 0 and not self._chunked

    # -- body ----------------------------------------------------------------------------------

    def _end(self, done: bool, more: bytes) -> None:
        self.done = self.done or done
        if self.done and more:
            self.keep = False  # what nobody asked for

    def _chunks(self, data: bytes) -> bytes:
        out: list[bytes] = []
        at, size = 0, len(data)
        while at < size and not self.done:
            if self._left:
                part = data[at : at + self._left]
                out.append(part)
                at += len(part)
                self._left -= len(part)
                self._behind = not self._left
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                if size - at > _LINE_MOST:
                    raise BadMessage("a line has no end")
                break
            self._line(data[at:end])
            at = end + 2
        if self.done:
            self._end(True, data[at:])
        else:
            self._rest = data[at:]
        return out[0] if len(out) == 1 else b"".join(out)

    def _line(self, line: bytes) -> None:
        """The line break behind a chunk, the size of the next one, or a line of the trailer."""
        if self._behind:
            if line:
                raise BadMessage("a chunk is longer than its size")
            self._behind = False
        elif self._trailer:
            self.done = not line
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise BadMessage(f"the size of a chunk is {line[:40]!r}")
            self._left = int(match[1], 16)
            self._trailer = not self._left
