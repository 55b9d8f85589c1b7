"""Content handlers between a container and us: what goes in, what comes out, how it may be cut."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.errors import CallError, ConfigurationError
from llmanager_sdk.http.faults import Timeouts
from llmanager_sdk.ports.models import OWN_WIRE, ChatModel
from llmanager_sdk.testing.aws import framing
from llmanager_sdk.wire import handled, handler
from llmanager_sdk.wire.errors import AnswerBroken
from tests.handlers import Broken, Odd, OpenAi, Rows, Shouting, Texts

MODEL = ChatModel("mine", "mine", spec_of("endpoint", "mine", {}), 0, wire=OWN_WIRE)


def call(made: Any, messages: list[Any], *, streams: bool = False, **options: Any) -> Any:
    link: Any = None
    return handled.call(
        made, link, MODEL, messages, options, streams=streams, timeouts=Timeouts(), retries=0
    )


def body(made: Any, messages: list[Any], **how: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(made, messages, **how).body)
    return found


# -- what goes in


def test_a_handler_gets_messages_and_what_is_set() -> None:
    asked = [SystemMessage("be kind"), HumanMessage("hi")]
    sent = body(Shouting(), asked, temperature=0, seed=None, stop=["x"])
    assert sent == {
        "inputs": [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}],
        "parameters": {"temperature": 0, "stop": ["x"]},
        "stream": False,
    }
    assert body(Shouting(), [HumanMessage("hi")], streams=True)["stream"] is True


def test_messages_of_one_speaker_are_one_and_all_sorts_of_content_pass() -> None:
    called = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1}, "id": "c"}])
    sent = body(
        Shouting(),
        [HumanMessage("a"), HumanMessage("b"), called, ToolMessage("3", tool_call_id="c")],
    )["inputs"]
    assert [each["role"] for each in sent] == ["user", "assistant", "tool"]
    assert sent[0]["content"] == "a\nb"
    assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"a": 1}
    image = [{"type": "image_url", "image_url": {"url": "data:,x"}}, {"type": "text", "text": "?"}]
    assert body(Shouting(), [HumanMessage(image)])["inputs"][0]["content"] == image


@pytest.mark.parametrize("made", [b"x", "x", io.BytesIO(b"x"), bytearray(b"x")])
def test_a_body_may_be_bytes_text_or_a_file(made: Any) -> None:
    class Own(Shouting):
        def transform_input(self, prompt: Any, model_kwargs: Any) -> Any:
            return made

    assert call(Own(), [HumanMessage("hi")]).body == b"x"


def test_its_types_are_the_headers() -> None:
    both = {"Content-Type": "application/x-shout", "Accept": "application/x-heard"}
    assert handler.kinds(Shouting()) == both
    assert handler.kinds(Texts()) == {"Content-Type": "text/plain"}
    assert call(Shouting(), [HumanMessage("x")]).at_once
    assert not call(Shouting(), [HumanMessage("x")], streams=True).at_once


def test_what_is_no_handler_is_told_what_it_lacks() -> None:
    handler.check(Rows())
    with pytest.raises(ConfigurationError, match="a dict has no content_type, accepts, transform_"):
        handler.check({})


# -- what comes out


def whole(made: Any, data: bytes) -> AIMessage:
    reader = call(made, [HumanMessage("x")]).reader(False)
    for byte in data:
        assert reader.feed(bytes([byte])) == []
    assert not reader.begun
    found = handled.Handled({"model_name": "mine"}).whole(reader.close()).message
    assert isinstance(found, AIMessage)
    return found


def test_a_whole_answer_is_a_file_for_the_handler() -> None:
    found = whole(Shouting(), b'{"generated_text": "HI"}')
    assert found.content == "HI"
    assert found.response_metadata == {"model_name": "mine", "model_provider": "llmanager"}
    assert whole(Texts(), b"hi").content == "hi"


def test_calls_and_usage_come_through() -> None:
    call_of = {"id": "c", "function": {"name": "add", "arguments": '{"a": 1}'}}
    data = {"choices": [{"message": {"content": None, "tool_calls": [call_of]}}]}
    found = whole(OpenAi(), json.dumps(data).encode())
    assert [(x["name"], x["args"]) for x in found.tool_calls] == [("add", {"a": 1})]
    assert found.usage_metadata is not None
    assert found.usage_metadata["total_tokens"] == 5


TOKENS = ["für ", "東京", " 😀"]
LINES = "".join(json.dumps({"token": t}, ensure_ascii=False) + "\n" for t in TOKENS).encode()


def streamed(made: Any, pieces: list[bytes], framed: bool) -> list[AIMessageChunk]:
    reader = call(made, [HumanMessage("x")], streams=True).reader(framed)
    found = [piece for data in pieces for piece in reader.feed(data)]
    return found + reader.close()


@given(st.lists(st.integers(0, 10_000), max_size=9), st.booleans(), st.booleans())
def test_lines_reach_the_handler_whole_however_they_are_cut(
    places: list[int], framed: bool, ends: bool
) -> None:
    data = LINES if ends else LINES.rstrip(b"\n")
    if framed:
        data = b"".join(framing.framed([data, b""], Random(len(places))))
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    found = streamed(Shouting(), [data[a:b] for a, b in pairwise(marks)], framed)
    assert [piece.content for piece in found] == [*TOKENS, ""]
    assert found[-1].chunk_position == "last"


def test_lines_come_as_they_are_with_the_marks_of_events_and_the_empty_ones() -> None:
    seen: list[bytes] = []

    class Own(Shouting):
        def transform_output(self, output: Any) -> Any:
            seen.append(output)
            return None

    streamed(Own(), [b"data: {}\n\ndata: [DONE]\n\n"], False)
    assert seen == [b"data: {}", b"", b"data: [DONE]", b""]


def test_the_last_chunk_says_who_and_usage_may_be_left_out() -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    made = handled.Handled({"model_name": "mine"})
    counted = AIMessageChunk("x", usage_metadata=usage)
    assert made.chunks(usage=True)(counted).message.usage_metadata == usage  # type: ignore[attr-defined]
    assert made.chunks(usage=False)(counted).message.usage_metadata is None  # type: ignore[attr-defined]
    last = made.chunks(usage=True)(AIMessageChunk("", chunk_position="last")).message
    assert last.response_metadata == {"model_name": "mine", "model_provider": "llmanager"}


def test_a_whole_message_in_a_stream_is_a_chunk_with_its_calls() -> None:
    calls = [{"name": "add", "args": {"a": 1}, "id": "c"}]
    found = handled.chunk(AIMessage("x", tool_calls=calls))
    assert found.tool_call_chunks[0]["args"] == '{"a": 1}'
    assert handled.chunk(HumanMessage("x")).content == "x"


@pytest.mark.parametrize(
    ("pieces", "framed"),
    [
        ([], False),
        ([framing.part(LINES)[:-1]], True),
        ([framing.part(LINES), framing.failure("ModelStreamError", "it broke")], True),
        ([b"no frame at all, but long enough to be one"], True),
    ],
)
def test_an_answer_that_is_not_whole_raises(pieces: list[bytes], framed: bool) -> None:
    with pytest.raises(AnswerBroken):
        streamed(Shouting(), pieces, framed)


def test_what_a_handler_raises_is_its_own_and_says_where() -> None:
    with pytest.raises(KeyError, match="token") as caught:
        whole(Broken(), b"{}")
    assert caught.value.__notes__ == ["llmanager: raised by content_handler.transform_output"]
    with pytest.raises(ConfigurationError, match="returned a int"):
        whole(Odd(), b"{}")


# -- vectors


def test_vectors_of_a_handler_are_checked_and_of_unit_length() -> None:
    found = handler.vectors(Rows(), 2, "here", io.BytesIO(b'{"rows": [[3, 4], [0, 2]]}'))
    assert found.ravel().tolist() == pytest.approx([0.6, 0.8, 0.0, 1.0])
    for wrong in (
        b'{"rows": [[3, 4]]}',
        b'{"rows": [["a", 1], [1, 2]]}',
        b'{"rows": [[0, 0], [1, 0]]}',
    ):
        with pytest.raises(CallError):
            handler.vectors(Rows(), 2, "here", io.BytesIO(wrong))
