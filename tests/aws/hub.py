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


def model(gated: Any = False, **stored: int) -> tuple[int, Any]:
    """What it says of a model."""
    return 200, {"gated": gated, "safetensors": {"parameters": stored}}


class FakeHub:
    """The server.

    Attributes:
        answers: status and JSON by path; others are 404.
        asked: path and token of every request.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple[str, str]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.asked.append((self.path, self.headers.get("Authorization", "")))
                status, body = hub.answers.get(self.path, (404, {"error": "not found"}))
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
