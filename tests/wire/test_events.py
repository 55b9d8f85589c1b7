"""Bytes to events: server-sent events and JSON lines, however they are cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmanager_sdk.wire.events import Events, Malformed

VALUES = st.lists(
    st.dictionaries(
        st.text(max_size=8), st.text(max_size=20) | st.integers(-(2**53), 2**53) | st.none()
    ),
    max_size=6,
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The bytes in pieces, some of them empty."""
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in pairwise(marks)] + [b""]


def read(pieces: list[bytes]) -> tuple[list[Any], bool]:
    events = Events()
    found = [each for piece in pieces for each in events.feed(piece)]
    return found + events.close(), events.done


def sse(values: list[Any], end: str, *, ascii_only: bool) -> bytes:
    lines = [f"data: {json.dumps(value, ensure_ascii=ascii_only)}{end}{end}" for value in values]
    return (": keep-alive" + end + end + "".join(lines) + f"data: [DONE]{end}{end}").encode()


@given(VALUES, st.lists(st.integers(0, 10_000)), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_server_sent_events_survive_any_split(
    values: list[Any], places: list[int], end: str, ascii_only: bool
) -> None:
    data = sse(values, end, ascii_only=ascii_only)
    assert read(cut(data, places)) == (values, True)


@given(VALUES, st.lists(st.integers(0, 10_000)))
def test_json_lines_survive_any_split(values: list[Any], places: list[int]) -> None:
    data = "\n".join(json.dumps(value, ensure_ascii=False) for value in values).encode()
    assert read(cut(data, places)) == (values, False)


def test_every_single_cut_of_multi_byte_text() -> None:
    data = sse([{"t": "é你😀"}], "\n", ascii_only=False)
    for place in range(len(data)):
        assert read([data[:place], data[place:]]) == ([{"t": "é你😀"}], True)


def test_an_event_of_several_data_lines_is_one() -> None:
    assert read([b'event: x\nid: 1\ndata: {"a":\ndata: 1}\n\n']) == ([{"a": 1}], False)


def test_an_error_line_of_llama_cpp_is_an_event() -> None:
    assert read([b'error: {"code": 500, "message": "m"}\n\n'])[0] == [
        {"error": {"code": 500, "message": "m"}}
    ]


@pytest.mark.parametrize("data", [b"<html>\n", b"data: {nonsense\n\n", b"hello\n\n"])
def test_nonsense_is_told(data: bytes) -> None:
    with pytest.raises(Malformed):
        read([data])
