"""The asyncio driver on real sockets: connections are kept, and end with their event loop."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import warnings

import pytest

from llmanager_sdk.http import aio
from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow
from tests.http.served import OK, says, served

CLOSING = OK.replace(b"200 OK", b"200 OK\r\nConnection: close")


async def call(url: str, read: float = 5.0, **headers: str) -> bytes:
    parts = aio.stream(url, b"{}", headers, Timeouts(30.0, read))
    return b"".join([part async for part in parts])


async def calls(url: str, count: int, **headers: str) -> list[bytes]:
    return [await call(url, **headers) for _ in range(count)]


def test_a_connection_is_kept_and_ends_with_its_loop() -> None:
    with served(says(OK)) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        for loops in (1, 2):
            assert asyncio.run(calls(server.url, 3)) == [b"hi"] * 3
            assert server.connections == loops
            assert server.ended.acquire(timeout=5), "nothing is left open when a loop ends"
            gc.collect()


@pytest.mark.parametrize("headers", [{"Connection": "close"}, {}])
def test_a_connection_is_not_kept_when_either_side_says_so(headers: dict[str, str]) -> None:
    with served(says(OK if headers else CLOSING)) as server:
        assert asyncio.run(calls(server.url, 2, **headers)) == [b"hi"] * 2
        assert server.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    async def main() -> None:
        assert await call(server.url) == b"hi"
        for _ in range(2):
            # Where the end of it is not seen before it is used, it is seen as nobody answering.
            try:
                assert await call(server.url) == b"hi"
            except NotReached:
                continue

    with served(says(OK, more=False)) as server:
        asyncio.run(main())
        assert server.connections >= 2


def test_no_cookie_is_kept() -> None:
    setting = OK.replace(b"200 OK", b"200 OK\r\nSet-Cookie: a=b")
    with served(says(setting)) as server:
        asyncio.run(calls(server.url, 2))
        assert not any(b"cookie" in each.lower() for each in server.requests)


def test_a_loop_that_ends_without_a_word_leaves_its_connections_to_the_next() -> None:
    with served(says(OK)) as server:
        for count in (1, 2):
            loop = asyncio.new_event_loop()
            assert loop.run_until_complete(call(server.url)) == b"hi"
            assert server.connections == count
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)
                loop.close()
                del loop
                gc.collect()


FORKS = """
import asyncio, os, sys
from tests.http.served import OK, says, served
from tests.http.test_aio import call

async def main():
    assert await call(server.url) == b"hi"
    child = os.fork()
    if not child:
        sys.exit(0)  # with all that an interpreter takes down when it ends
    os.waitpid(child, 0)
    assert await call(server.url, read=5.0) == b"hi"
    assert server.connections == 1

with served(says(OK)) as server:
    asyncio.run(main())
"""


QUIET = """
import asyncio
from tests.http.served import OK, says, served
from tests.http.test_aio import call

with served(says(OK)) as server:
    asyncio.new_event_loop().run_until_complete(call(server.url))
"""


def test_a_program_that_ends_with_a_connection_open_says_nothing() -> None:
    words = [sys.executable, "-c", QUIET]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_forked_child_that_ends_leaves_the_parents_connection_alone() -> None:
    words = [sys.executable, "-c", FORKS]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"HTTP/1.1 429 No\r\nContent-Length: 4\r\n\r\nbusy", Refused),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CutOff),
        (b"", NotReached),
    ],
)
def test_what_goes_wrong_is_told_apart(data: bytes, fault: type[Exception]) -> None:
    with served(says(data, more=False)) as server, pytest.raises(fault):
        asyncio.run(call(server.url))


def test_silence_is_told_from_nobody() -> None:
    with served(says(b"")) as server, pytest.raises(TooSlow):
        asyncio.run(call(server.url, read=0.2))
    with pytest.raises(NotReached):
        asyncio.run(call(server.url))
