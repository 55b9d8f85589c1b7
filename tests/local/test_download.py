"""Downloads from a hub: once, whole, and found again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from llmanager_sdk.errors import StoreCorrupt
from llmanager_sdk.local.weights import Missing, Weights, find, locate
from llmanager_sdk.settings import Settings

BYTES = b"GGUF" * 1000
SHA256 = hashlib.sha256(BYTES).hexdigest()


class Hub(ThreadingHTTPServer):
    """One repository with one file."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.sent: list[str] = []
        self.content = BYTES


class Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("X-Linked-Etag", f'"{SHA256}"')
        self.end_headers()

    def do_GET(self) -> None:
        listed = b'{"siblings": [{"rfilename": "tiny-q8_0.gguf"}, {"rfilename": "README.md"}]}'
        body = listed if self.path.startswith("/api/") else self.server.content
        if body is not listed:
            self.server.sent.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
        yield server
        server.shutdown()


@pytest.mark.parametrize("name", ["me/tiny", "qwen3-0.6b"])
def test_what_was_fetched_is_found_and_checked_the_next_time(
    hub: Hub, tmp_path: Path, name: str
) -> None:
    settings = Settings(home=tmp_path / "home")
    assert isinstance(locate(name, settings), Missing)
    with ThreadPoolExecutor(3) as pool:
        found = set(pool.map(lambda _: find(name, settings), range(3)))
    assert len(hub.sent) == 1
    (weights,) = found
    assert weights.path.read_bytes() == BYTES
    assert locate(name, Settings(home=tmp_path / "home", offline=True)) == weights
    assert isinstance(weights, Weights)
    assert weights.sha256 == SHA256


def test_what_comes_damaged_does_not_stay(hub: Hub, tmp_path: Path) -> None:
    hub.content = BYTES[:-1] + b"!"
    settings = Settings(home=tmp_path / "home")
    with pytest.raises(StoreCorrupt):
        find("me/tiny", settings)
    assert isinstance(locate("me/tiny", settings), Missing)
    hub.content = BYTES
    assert find("me/tiny", settings).sha256 == SHA256
