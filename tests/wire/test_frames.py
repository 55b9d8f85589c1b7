"""AWS event-stream frames: cut anywhere, changed, cut off, with errors; compared with botocore."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from llmanager_sdk.testing.aws import framing
from llmanager_sdk.wire.answer import Answer
from llmanager_sdk.wire.errors import AnswerBroken
from llmanager_sdk.wire.frames import BadFrame, Frames, StreamError
from llmanager_sdk.wire.request import Request

TEXT = 'data: {"choices":[{"delta":{"content":"für 東京 😀"}}]}\n\n'.encode()
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def cut(data: bytes, at: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    places = sorted({0, len(data), *(n % (len(data) + 1) for n in at)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(st.lists(st.binary(max_size=300), max_size=6), st.lists(st.integers(0, 10_000), max_size=9))
def test_payloads_come_through_however_the_bytes_are_cut(
    payloads: list[bytes], places: list[int]
) -> None:
    data = b"".join(framing.part(each) for each in payloads)
    frames = Frames()
    assert b"".join(frames.feed(piece) for piece in cut(data, places)) == b"".join(payloads)
    frames.close()


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=4))
def test_botocore_reads_the_same(payloads: list[bytes]) -> None:
    data = b"".join(framing.part(each) for each in payloads)
    theirs = EventStreamBuffer()
    theirs.add_data(data)
    assert [event.payload for event in theirs] == payloads
    assert Frames().feed(data) == b"".join(payloads)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    data = bytearray(framing.part(b"some payload") + framing.part(b"more"))
    data[place % len(data)] ^= change
    frames = Frames()
    with pytest.raises((BadFrame, StreamError)):
        frames.feed(bytes(data))
        frames.close()


@given(st.integers(1, 10_000))
def test_a_cut_connection_is_noticed(place: int) -> None:
    data = framing.part(b"some payload")
    frames = Frames()
    with pytest.raises(BadFrame):
        frames.feed(data[: max(1, place % len(data))])
        frames.close()


def test_an_error_of_the_service_is_raised() -> None:
    frames = Frames()
    assert frames.feed(framing.part(b"a")) == b"a"
    with pytest.raises(StreamError, match="ModelStreamError: StreamBroken: it broke"):
        frames.feed(framing.failure("ModelStreamError", "it broke"))
    head = {":message-type": "error", ":error-code": "Boom", ":error-message": "why"}
    with pytest.raises(StreamError, match="Boom: why"):
        Frames().feed(framing.frame(head, b""))


def test_other_events_and_other_headers_are_passed_over() -> None:
    first = framing.frame({":message-type": "event", ":event-type": "initial-response"}, b"{}")
    assert Frames().feed(first + framing.part(b"x")) == b"x"


@pytest.mark.parametrize("total", [0, 15, 1 << 31])
def test_a_length_that_makes_no_sense_is_refused(total: int) -> None:
    import struct
    from binascii import crc32

    lengths = struct.pack("!II", total, 0)
    with pytest.raises(BadFrame, match="length"):
        Frames().feed(lengths + struct.pack("!I", crc32(lengths)))


@given(st.integers(0, 1 << 30), st.lists(st.integers(0, 10_000), max_size=9), st.booleans())
def test_an_answer_in_frames_reads_as_the_same_answer(
    seed: int, places: list[int], keep_alive: bool
) -> None:
    parts = [TEXT, b": keep-alive\n\n", TEXT, END] if keep_alive else [TEXT, TEXT, END]
    data = b"".join(framing.framed(parts, Random(seed)))
    answer = Answer(Request(b""), "here", framed=True)
    deltas = [delta for piece in cut(data, places) for delta in answer.feed(piece)]
    deltas += answer.close()
    assert "".join(delta.text for delta in deltas) == "für 東京 😀" * 2
    assert deltas[-1].finish == "stop"


@given(st.integers(0, 1 << 30))
def test_an_error_after_tokens_and_a_cut_raise(seed: int) -> None:
    begun = b"".join(framing.framed([TEXT], Random(seed)))
    answer = Answer(Request(b""), "here", framed=True)
    answer.feed(begun)
    with pytest.raises(AnswerBroken, match="it broke"):
        answer.feed(framing.failure("ModelStreamError", "it broke"))
    answer = Answer(Request(b""), "here", framed=True)
    answer.feed(begun)
    with pytest.raises(AnswerBroken):
        answer.close()
