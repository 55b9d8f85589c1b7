"""Answers as each server streams them, in frames and without, cut anywhere: the same answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmanager_sdk.errors import CallError
from llmanager_sdk.testing.aws import framing
from llmanager_sdk.wire.answer import Answer, Delta
from llmanager_sdk.wire.errors import EngineFailed
from llmanager_sdk.wire.request import Request

TEXTS = ["für ", "東京", " 😀", "\n\nund {data: 1}\n"]
WHOLE = "".join(TEXTS)


def choice(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, **more}


def sse(events: Sequence[Any], end: str = "\n") -> bytes:
    lines = [f"data: {json.dumps(event, ensure_ascii=False)}{end}{end}" for event in events]
    return ("".join(lines) + f"data: [DONE]{end}{end}").encode()


def json_lines(events: Sequence[Any]) -> bytes:
    return "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events).encode()


USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def vllm() -> bytes:
    """The role first, usage in a chunk without choices."""
    said = [{**CHUNK, "choices": [choice({"role": "assistant", "content": ""}, logprobs=None)]}]
    said += [{**CHUNK, "choices": [choice({"content": text})]} for text in TEXTS]
    said += [{**CHUNK, "choices": [choice({"content": ""}, "stop", stop_reason=None)]}]
    return sse([*said, {**CHUNK, "choices": [], "usage": USAGE}])


def sglang() -> bytes:
    """Nulls where nothing is said, and why it stopped."""
    empty = {"role": None, "reasoning_content": None, "tool_calls": None}
    said = [{**CHUNK, "choices": [choice({**empty, "content": text})]} for text in TEXTS]
    said += [{**CHUNK, "choices": [choice({**empty, "content": None}, "stop", matched_stop=7)]}]
    return sse([*said, {**CHUNK, "choices": [], "usage": USAGE}])


def lmi() -> bytes:
    """JSON lines, a reason of its own, no usage (facts: djl-serving's documents)."""
    said = [{**CHUNK, "choices": [choice({"content": text})]} for text in TEXTS]
    return json_lines([*said, {**CHUNK, "choices": [choice({"content": ""}, "eos_token")]}])


def lmi_without_a_last_line_break() -> bytes:
    return lmi().rstrip(b"\n")


def crlf() -> bytes:
    """A proxy between us that rewrites line ends, and a keep-alive."""
    said = [{"choices": [choice({"content": text})]} for text in TEXTS]
    said += [{"choices": [choice({}, "stop")]}]
    return b": keep-alive\r\n\r\n" + sse(said, "\r\n")


def at_once() -> bytes:
    """A container that does not stream, asked for a stream."""
    message = {"role": "assistant", "content": WHOLE}
    return json.dumps(
        {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE}
    ).encode()


SERVERS = [vllm, sglang, lmi, lmi_without_a_last_line_break, crlf, at_once]
WITH_USAGE = [vllm, sglang, at_once]


def pieces(data: bytes, places: Sequence[int], framed: bool, seed: int) -> list[bytes]:
    """The bytes as they come: cut, empty parts between them, in frames that are cut again."""
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    parts = [data[a:b] for a, b in pairwise(marks)]
    if not framed:
        return [each for part in parts for each in (part, b"")]
    whole = b"".join(framing.framed([*parts, b""], Random(seed)))
    cuts = sorted({0, len(whole), *(place % (len(whole) + 1) for place in places)})
    return [whole[a:b] for a, b in pairwise(cuts)]


def read(data: Sequence[bytes], framed: bool) -> list[Delta]:
    answer = Answer(Request(b""), "here", framed)
    found = [delta for piece in data for delta in answer.feed(piece)]
    return found + answer.close()


PLACES = st.lists(st.integers(0, 10_000), max_size=12)


@pytest.mark.parametrize("server", SERVERS)
@given(PLACES, st.booleans(), st.integers(0, 1 << 30))
def test_the_same_answer(server: Any, places: list[int], framed: bool, seed: int) -> None:
    found = read(pieces(server(), places, framed, seed), framed)
    assert "".join(delta.text for delta in found) == WHOLE
    assert found[-1].finish == "stop"
    assert (found[-1].usage is not None) == (server in WITH_USAGE)


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("server", SERVERS)
def test_every_single_cut(server: Any, framed: bool) -> None:
    data = server()
    for place in range(len(data)):
        found = read(pieces(data, [place], framed, place), framed)
        assert "".join(delta.text for delta in found) == WHOLE


@pytest.mark.parametrize("form", [sse, json_lines])
@given(PLACES, st.booleans(), st.integers(0, 1 << 30))
def test_an_error_after_tokens_raises(
    form: Any, places: list[int], framed: bool, seed: int
) -> None:
    """As vLLM has it: the status was 200 long ago, and [DONE] follows."""
    said = {"choices": [choice({"content": "half"})]}
    wrong = {"error": {"message": "engine died", "type": "InternalServerError", "code": 500}}
    with pytest.raises(EngineFailed, match="engine died"):
        read(pieces(form([said, wrong]), places, framed, seed), framed)


@pytest.mark.parametrize("server", [vllm, sglang, lmi, crlf])
@given(st.integers(0, 10_000), st.booleans())
def test_a_cut_connection_raises(server: Any, place: int, framed: bool) -> None:
    data = server()
    finish = data.index(b'"stop"') if b'"stop"' in data else data.index(b'"eos_token"')
    left = data[: place % finish]
    with pytest.raises(CallError):
        read(pieces(left, [place], framed, place), framed)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("length", "length"),
        ("eos_token", "stop"),
        ("stop_sequence", "stop"),
        ("stop", "stop"),
        ("tool_calls", "tool_calls"),
    ],
)
def test_reasons_of_lmi_are_those_of_openai(said: str, expected: str) -> None:
    lines = json_lines([{"choices": [choice({"content": "x"}, said)]}])
    assert read([lines], False)[-1].finish == expected


def test_calls_of_lmi_end_with_its_own_reason_and_are_calls_all_the_same() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "add", "arguments": "{}"}}
    lines = json_lines([{"choices": [choice({"tool_calls": [call]}, "eos_token")]}])
    assert read([lines], False)[-1].finish == "tool_calls"
