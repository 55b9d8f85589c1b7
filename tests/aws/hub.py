"""Hugging Face on loopback, as far as a deployment asks it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answers = Mapping[str, tuple[int, Any]]
CONFIG = {
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "hidden_size": 2048,
    "max_position_embeddings": 8192,
}


CACHE = "/api/resolve-cache"
"""Where files are: the address of one leads there."""


def model(gated: Any = False, private: bool = False, **stored: int) -> tuple[int, Any]:
    """What it says of a model."""
    return 200, {"gated": gated, "private": private, "safetensors": {"parameters": stored}}


class FakeHub:
    """The server. The address of a file that may be read leads to another one, as there.

    Attributes:
        answers: status and JSON by path; others are 404.
        asked: path and token of every question.
        led: path and token of every request to where an answer led.
        files: what the addresses of files begin with, where they lead to.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple[str, str]] = []
        self.led: list[tuple[str, str]] = []
        self.files = CACHE
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen = (self.path, self.headers.get("Authorization", ""))
                asked = self.path.removeprefix(CACHE)
                (hub.asked if asked == self.path else hub.led).append(seen)
                status, body = hub.answers.get(asked, (404, {"error": "not found"}))
                if status == 200 and asked == self.path and "/resolve/" in asked:
                    self.send_response(307)
                    self.send_header("Location", hub.files + asked)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                """Nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def run(self) -> None:
        """Until it is closed."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Nobody answers any more."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def fake_hub(answers: Answers) -> Iterator[FakeHub]:
    """One that gives these answers."""
    hub = FakeHub(answers)
    hub.run()
    try:
        yield hub
    finally:
        hub.close()
