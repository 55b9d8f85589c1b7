"""A chat server on loopback that does what a test tells it, request by request."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Play = Callable[[socket.socket], None]
"""What to do with a connection once its request was read."""

OPEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def event(text: str = "", finish: str | None = None) -> bytes:
    """One event of an answer."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def says(*texts: str, finish: str = "stop") -> Play:
    """A whole answer, or one that ended as `finish` says."""

    def play(connection: socket.socket) -> None:
        body = b"".join(map(event, texts)) + event(finish=finish) + b"data: [DONE]\n\n"
        connection.sendall(OPEN + body)

    return play


def cuts_off_after(*texts: str) -> Play:
    """An answer whose connection ends in the middle."""

    def play(connection: socket.socket) -> None:
        connection.sendall(OPEN + b"".join(map(event, texts)))

    return play


def hangs_up(connection: socket.socket) -> None:
    """No answer: the connection is closed at once."""


def fails(status: int, text: str, headers: str = "") -> Play:
    """An answer that is an error."""

    def play(connection: socket.socket) -> None:
        body = json.dumps({"error": {"message": text}}).encode()
        head = f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        connection.sendall(head.encode() + body)

    return play


def says_nothing(seconds: float) -> Play:
    """An open connection on which nothing comes."""

    def play(connection: socket.socket) -> None:
        connection.settimeout(seconds)
        try:
            connection.recv(1)
        except OSError:
            return

    return play


def waits_for(go: threading.Event, then: Play) -> Play:
    """An answer that begins when the test says so."""

    def play(connection: socket.socket) -> None:
        go.wait(60)
        then(connection)

    return play


class Scripted:
    """The server.

    Attributes:
        plays: what to do with the next requests; the last one is repeated.
        requests: the bodies of the requests that came.
        came: released once for each of them.
        slots: how many it says that it works on at once; 0 says nothing.
    """

    def __init__(self, *plays: Play, slots: int = 0) -> None:
        self.plays = list(plays)
        self.slots = slots
        self.came = threading.Semaphore(0)
        self.requests: list[dict[str, Any]] = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536)
            head, _, body = data.partition(b"\r\n\r\n")
            if head.startswith(b"GET"):
                (self._props if self.slots else fails(404, "no such page"))(connection)
                return
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while len(body) < length:
                body += connection.recv(65536)
            self.requests.append(json.loads(body))
            self.came.release()
            play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
            play(connection)

    def _props(self, connection: socket.socket) -> None:
        body = json.dumps({"total_slots": self.slots}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def close(self) -> None:
        """Accept nothing any more."""
        self._socket.close()


@contextmanager
def scripted(*plays: Play, slots: int = 0) -> Iterator[Scripted]:
    """A server that plays this."""
    server = Scripted(*plays, slots=slots)
    try:
        yield server
    finally:
        server.close()
