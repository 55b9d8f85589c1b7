"""An answer of HTTP/1.1: cut anywhere, malformed, cut off; http.client as a second opinion."""

from __future__ import annotations

import http.client
import io
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmanager_sdk.http.message import BadMessage, Message

CHUNKED = b"HTTP/1.1 200 OK\r\nX-One: a\r\nTransfer-Encoding: chunked\r\nx-one: b\r\n\r\n"
cuts = st.lists(st.integers(0, 10_000), max_size=12)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    places = sorted({0, len(data), *(n % (len(data) + 1) for n in at)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def chunked(parts: list[bytes], extension: bytes = b"", trailer: bytes = b"") -> bytes:
    made = [b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts if part]
    return CHUNKED + b"".join(made) + b"0\r\n" + trailer + b"\r\n"


def sized(body: bytes, head: bytes = b"HTTP/1.1 200 OK\r\n") -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def read(data: bytes, at: list[int]) -> tuple[Message, bytes]:
    message = Message()
    body = b""
    for piece in cut(data, at):
        assert not message.done
        body += message.feed(piece)
    return message, body


class Wire:
    """As much of a socket as http.client looks at."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(io.BytesIO(self._data))  # type: ignore[arg-type]


def theirs(data: bytes) -> tuple[int, bytes, str | None]:
    answer = http.client.HTTPResponse(Wire(data), method="POST")  # type: ignore[arg-type]
    answer.begin()
    return answer.status, answer.read(), answer.getheader("X-One")


@given(
    st.lists(st.binary(max_size=200), max_size=6),
    st.sampled_from([b"", b";a=b", b" ; x", b"\t"]),
    st.sampled_from([b"", b"T: 1\r\n", b"T: 1\r\nU: 2\r\n"]),
    cuts,
)
def test_chunks_come_through_however_they_are_cut(
    parts: list[bytes], extension: bytes, trailer: bytes, at: list[int]
) -> None:
    data = chunked(parts, extension, trailer)
    message, body = read(data, at)
    assert (message.done, message.keep, message.status) == (True, True, 200)
    assert body == b"".join(parts)
    assert theirs(data) == (200, body, "a, b")
    assert message.headers["x-ONE"] == "a, b"


@given(st.binary(max_size=500), cuts, st.booleans())
def test_a_body_of_a_length_does_too(body: bytes, at: list[int], interim: bool) -> None:
    data = (b"HTTP/1.1 100 Continue\r\n\r\n" if interim else b"") + sized(body)
    message, found = read(data, at)
    assert (message.done, message.keep, found) == (True, True, body)
    assert theirs(data)[:2] == (200, body)


@given(st.binary(max_size=500), cuts)
def test_and_one_that_ends_with_the_connection(body: bytes, at: list[int]) -> None:
    message, found = read(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n" + body, at)
    assert (message.done, found) == (False, body)
    message.close()
    assert (message.done, message.keep) == (True, False)


@given(st.integers(0, 10_000), st.booleans())
def test_an_answer_that_is_cut_off_is_noticed(place: int, chunks: bool) -> None:
    data = chunked([b"some", b"words"]) if chunks else sized(b"some words")
    message = Message()
    message.feed(data[: place % len(data)])
    assert not message.done
    with pytest.raises(BadMessage, match="closed"):
        message.close()


@pytest.mark.parametrize(
    ("head", "keep"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nconnection: x, close\r\n", False),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.1 503\r\n", True),
    ],
)
def test_whether_the_connection_is_kept(head: bytes, keep: bool) -> None:
    message, _ = read(sized(b"x", head), [])
    assert (message.done, message.keep) == (True, keep)


def test_what_nobody_asked_for_ends_the_connection() -> None:
    for data in (sized(b"x"), chunked([b"x"])):
        message = Message()
        assert message.feed(data + b"more") == b"x"
        assert (message.done, message.keep) == (True, False)


def test_no_body_is_no_body() -> None:
    message = Message()
    assert message.feed(b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n") == b""
    assert message.done


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        CHUNKED + b"x\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"1_0\r\n",
        CHUNKED + b"2\r\nabc\r\n",
        CHUNKED + b"f" * 10_000,
        b"a" * 70_000,
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        Message().feed(data)


@given(st.binary(max_size=200), cuts)
def test_noise_is_refused_or_has_no_end_and_nothing_else(noise: bytes, at: list[int]) -> None:
    message = Message()
    try:
        for piece in cut(CHUNKED + noise, at):
            message.feed(piece)
    except BadMessage:
        return
    assert message.status == 200
