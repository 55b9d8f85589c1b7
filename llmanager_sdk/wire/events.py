"""From bytes to JSON events: server-sent events or JSON lines, told apart by the first line.

Bytes may be split anywhere, in the middle of a character too. Server-sent events: the WHATWG HTML
standard, section 9.2; `data: [DONE]` ends a stream, as OpenAI has it.
"""

from __future__ import annotations

from typing import Any

import orjson


class Malformed(ValueError):
    """A line is neither an event nor JSON."""


class Events:
    """An incremental decoder.

    Attributes:
        done: `[DONE]` was seen.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self.done = False

    def feed(self, data: bytes) -> list[Any]:
        """The events that these bytes complete.

        Raises:
            Malformed: what came is not JSON.
        """
        if self._rest:
            data = self._rest + data
        found: list[Any] = []
        blocks = data.split(b"\n\n")
        last = blocks.pop()
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block and not self._data:
                self._event(block[6:], found)  # one whole event, as nearly all of them are
            else:
                for line in block.split(b"\n"):
                    self._line(line, found)
                self._line(b"", found)
        *lines, self._rest = last.split(b"\n")
        for line in lines:
            self._line(line, found)
        return found

    def close(self) -> list[Any]:
        """The events that the end of the stream completes."""
        found: list[Any] = []
        if self._rest:
            self._line(self._rest, found)
            self._rest = b""
        self._line(b"", found)
        return found

    def _line(self, line: bytes, found: list[Any]) -> None:
        if line.endswith(b"\r"):
            line = line[:-1]
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif not line:
            if self._data:
                text = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                self._data = []
                self._event(text, found)
        elif line.startswith(b"error:"):  # how llama.cpp reports an error in mid-stream
            self._event(b'{"error":' + line[6:] + b"}", found)
        elif line[:1] in b"{[":
            self._event(line, found)
        elif not (line.startswith(b":") or line.partition(b":")[0] in _FIELDS):
            raise Malformed(line[:200].decode(errors="replace"))

    def _event(self, text: bytes, found: list[Any]) -> None:
        if text.strip() == b"[DONE]":
            self.done = True
            return
        try:
            found.append(orjson.loads(text))
        except ValueError as error:
            raise Malformed(text[:200].decode(errors="replace")) from error


_FIELDS = (b"event", b"id", b"retry")
