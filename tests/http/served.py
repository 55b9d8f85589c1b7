"""A server on loopback that answers as a test says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
Play = Callable[[socket.socket, bytes], bool]
"""Answers one request; whether the connection goes on."""


class Served:
    """A server on loopback.

    Attributes:
        requests: those of all connections.
        connections: how many there were.
        ended: released for each that the other side has closed.
    """

    def __init__(self, play: Play, context: ssl.SSLContext | None, family: int) -> None:
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.requests: list[bytes] = []
        self.connections = 0
        self.ended = threading.Semaphore(0)
        self._play, self._context = play, context
        self._socket = socket.create_server((host, 0), family=family)
        self.port = self._socket.getsockname()[1]
        place = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"
        self.url = f"{'https' if context else 'http'}://{place}/v1/x"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            while data := connection.recv(65536):
                while not data.endswith(b"{}"):
                    data += connection.recv(65536)
                self.requests.append(data)
                if not self._play(connection, data):
                    return
            self.ended.release()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # it wakes who waits for the next one
        self._socket.close()


@contextmanager
def served(
    play: Play, context: ssl.SSLContext | None = None, family: int = socket.AF_INET
) -> Iterator[Served]:
    server = Served(play, context, family)
    try:
        yield server
    finally:
        server.close()


def says(data: bytes, more: bool = True) -> Play:
    def play(connection: socket.socket, _: bytes) -> bool:
        connection.sendall(data)
        return more

    return play
