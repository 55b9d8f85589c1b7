"""One engine for everybody, whoever is killed: real processes, real engine."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import psutil
import pytest

from tests.local import scenes

RECOVERY = SOON = 60.0
"""On any machine; `make accept` has the promised seconds."""

pytestmark = pytest.mark.xdist_group("engines")


def test_many_first_users_start_one_engine_which_goes_by_itself(home: Path) -> None:
    seen = scenes.crowd(home, users=4, threads=4, idle=3.0)
    assert (seen.started, seen.errors) == (1, [])
    assert scenes.until(lambda: not scenes.processes(home), SOON) < SOON


@pytest.mark.parametrize("after", [0.4, 0.9, random.Random(7).uniform(1.0, 3.0)])
def test_the_next_use_recovers_from_a_killed_creator(home: Path, after: float) -> None:
    assert scenes.creator_killed(home, after) < RECOVERY


@pytest.mark.parametrize("victim", ["engine", "host"])
def test_a_killed_engine_is_a_typed_error_and_the_next_use_recovers(
    home: Path, victim: str
) -> None:
    error, seconds = scenes.engine_killed(home, victim)
    assert error == "AnswerBroken"
    assert seconds < RECOVERY


def test_a_killed_user_leaves_nothing_behind(home: Path) -> None:
    assert scenes.user_killed(home, idle=2.0) < SOON


class Stranger(BaseHTTPRequestHandler):
    """Something else that listens where an engine has listened before."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def _taken(port: int) -> ThreadingHTTPServer:
    """Somebody else's server there, as soon as the system has let go of the port."""
    for _ in range(300):
        with suppress(OSError):
            return ThreadingHTTPServer(("127.0.0.1", port), Stranger)
        scenes.select_pause()
    raise TimeoutError(port)


def test_a_stranger_on_the_port_of_a_dead_engine_is_left_for_a_new_one(home: Path) -> None:
    model = scenes.llm(60.0, max_tokens=4)
    model.invoke("hello")
    [told] = (home / "run").glob("*/endpoint.json")
    port = urlsplit(json.loads(told.read_text())["url"]).port
    for process in scenes.processes(home):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    assert scenes.until(lambda: not scenes.processes(home), SOON) < SOON
    with _taken(port or 0) as stranger:
        Thread(target=stranger.serve_forever, daemon=True).start()
        assert model.invoke("hello").text
        stranger.shutdown()
    assert scenes.hosts_started(home) == 2
