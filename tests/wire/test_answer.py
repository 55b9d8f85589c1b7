"""What an answer becomes: text, thoughts, tool calls, usage, and its end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError
from langchain_core.messages import AIMessage, AIMessageChunk

from llmanager_sdk.errors import CallError, StreamBroken
from llmanager_sdk.http.faults import CutOff, NotReached, Refused, TooSlow
from llmanager_sdk.wire import errors
from llmanager_sdk.wire.answer import Answer, Delta
from llmanager_sdk.wire.generations import Chunks, collect
from llmanager_sdk.wire.request import Request
from llmanager_sdk.wire.tools import Forced

FREE = Request(b"")
CALL = Request(b"", Forced({}, may_reply=False))
CHOICE = Request(b"", Forced({}, may_reply=True))


def event(text: str = "", finish: str | None = None, **delta: Any) -> dict[str, Any]:
    inner = {"content": text, **delta} if text else delta
    return {"choices": [{"index": 0, "delta": inner, "finish_reason": finish}]}


def deltas(request: Request, events: Sequence[dict[str, Any]], end: str = "stop") -> list[Delta]:
    answer = Answer(request, "test")
    found = []
    for each in [*events, event(finish=end)] if end else events:
        found.extend(answer.feed(b"data: " + json.dumps(each).encode() + b"\n\n"))
    return found + answer.close()


def message(request: Request, events: Sequence[dict[str, Any]], end: str = "stop") -> AIMessage:
    found = collect(deltas(request, events, end), {"model_name": "m"}).message
    assert isinstance(found, AIMessage)
    return found


def test_text_usage_and_metadata() -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    found = message(FREE, [event("Hel"), event("lo"), {"choices": [], "usage": usage}])
    assert found.content == "Hello"
    assert found.usage_metadata == {
        "input_tokens": 7,
        "output_tokens": 2,
        "total_tokens": 9,
        "input_token_details": {"cache_read": 5},
        "output_token_details": {"reasoning": 1},
    }
    assert found.response_metadata == {
        "model_name": "m",
        "model_provider": "llmanager",
        "finish_reason": "stop",
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [("eos_token", "stop"), ("stop_sequence", "stop"), ("length", "length"), ("odd", "odd")],
)
def test_finish_reasons_are_those_of_openai(said: str, expected: str) -> None:
    assert deltas(FREE, [event("x")], said)[-1].finish == expected


@pytest.mark.parametrize("pieces", [["<think>hm</think>\nYes"], list("<think>hm</think>\nYes")])
def test_thoughts_in_tags_are_kept_apart(pieces: list[str]) -> None:
    found = message(FREE, [event(piece) for piece in pieces])
    assert (found.content, found.additional_kwargs) == ("Yes", {"reasoning_content": "hm"})


def test_thoughts_of_their_own_field_are_kept_apart() -> None:
    found = message(FREE, [event(reasoning_content="hm"), event("Yes")])
    assert (found.content, found.additional_kwargs["reasoning_content"]) == ("Yes", "hm")


@pytest.mark.parametrize("text", ["<", "<b>bold</b>", "a <think> later", "  <thin air>"])
def test_what_only_looks_like_thoughts_is_text(text: str) -> None:
    assert message(FREE, [event(x) for x in text]).content == text


def test_thoughts_that_never_end_are_thoughts() -> None:
    found = message(FREE, [event("<think>hm, hm")], "length")
    assert (found.content, found.additional_kwargs["reasoning_content"]) == ("", "hm, hm")


def test_a_forced_call() -> None:
    text = '{"name": "add", "arguments": {"a": 1, "note": "the \\"arguments\\" é"}}'
    found = message(CALL, [event(x) for x in text])
    assert found.content == ""
    assert found.tool_calls[0]["name"] == "add"
    assert found.tool_calls[0]["args"] == {"a": 1, "note": 'the "arguments" é'}
    assert found.tool_calls[0]["id"]
    assert found.response_metadata["finish_reason"] == "tool_calls"


def added_up(found: Sequence[Delta]) -> AIMessageChunk:
    """What a stream's chunks are together."""
    first, *rest = (Chunks({}, usage=True)(delta).message for delta in found)
    assert isinstance(first, AIMessageChunk)
    total = first.__add__(rest)
    assert isinstance(total, AIMessageChunk)
    return total


WHOLE = '{"name": "mail", "arguments": {"to": "b", "list": [[1], {"a": "\\\\ \\" \\u00e9 {["}]}}'
ARGUMENTS = WHOLE[len('{"name": "mail", "arguments": ') : -1]


@pytest.mark.parametrize("request_", [CALL, CHOICE])
@pytest.mark.parametrize("length", range(len('{"name"'), len(WHOLE) - 1))
def test_a_forced_call_that_was_cut_off_is_an_invalid_one(request_: Request, length: int) -> None:
    found = deltas(request_, [event(WHOLE[:length])], "length")
    for said in (collect(found, {}).message, added_up(found)):
        assert isinstance(said, AIMessage)
        assert said.tool_calls == []
        assert len(said.invalid_tool_calls) == 1
    assert found[-1].finish == "length"


@pytest.mark.parametrize("length", range(len(ARGUMENTS)))
def test_a_native_call_that_was_cut_off_is_an_invalid_one(length: int) -> None:
    def piece(number: int, arguments: str) -> dict[str, Any]:
        function = {"arguments": arguments, "name": "mail"}
        return event(tool_calls=[{"index": number, "id": f"{number}", "function": function}])

    events = [piece(0, ARGUMENTS), piece(1, ARGUMENTS[:length])]
    found = deltas(FREE, events, "length")
    for said in (collect(found, {}).message, added_up(found)):
        assert isinstance(said, AIMessage)
        assert [x["id"] for x in said.tool_calls] == ["0"]
        assert [x["id"] for x in said.invalid_tool_calls] == ["1"]


def test_calls_that_are_whole_stay_valid() -> None:
    def call(arguments: str) -> AIMessage:
        function = {"arguments": arguments, "name": "mail"}
        return message(FREE, [event(tool_calls=[{"function": function, "id": "c"}])], "tool_calls")

    assert call("").tool_calls[0]["args"] == {}
    assert call('{"text": "two\nlines"}').tool_calls[0]["args"] == {"text": "two\nlines"}
    told = message(CALL, [event(WHOLE)], "length")  # it just fitted
    assert told.tool_calls[0]["args"] == json.loads(ARGUMENTS)


@pytest.mark.parametrize("text", ["done", '{"name": "mail"}'])
def test_what_should_have_been_a_call_and_is_none_is_an_invalid_one(text: str) -> None:
    said = message(CALL, [event(text)])
    assert (said.tool_calls, len(said.invalid_tool_calls)) == ([], 1)


def test_a_reply_instead_of_a_call_streams_as_text() -> None:
    text = '{"reply": "Hi \\u00e9 \\"you\\""}'
    found = deltas(CHOICE, [event(x) for x in text])
    assert "".join(x.text for x in found) == 'Hi é "you"'
    assert len([x for x in found if x.text]) > 3
    assert not any(x.calls for x in found)
    assert found[-1].finish == "stop"


def test_an_escaped_emoji_of_a_reply_streams_whole() -> None:
    text = '{"reply": "hi \\ud83d\\ude00, \\ude00 \\ud83d bye \\ud83d"}'
    for pieces in (
        list(text),
        [text],
        ['{"reply": "hi \\ud83d', text[len('{"reply": "hi \\ud83d') :]],
    ):
        found = "".join(x.text for x in deltas(CHOICE, [event(x) for x in pieces]))
        assert found == "hi \U0001f600, \ufffd \ufffd bye "


def test_an_empty_reply_is_no_call() -> None:
    assert not any(x.calls for x in deltas(CHOICE, [event('{"reply": ""}')]))


def test_native_calls_come_in_pieces() -> None:
    def piece(index: int, arguments: str, **more: Any) -> dict[str, Any]:
        function = {"arguments": arguments, **({"name": "f"} if more else {})}
        return event(tool_calls=[{"index": index, "function": function, **more}])

    events = [piece(0, "", id="a"), piece(0, '{"x":'), piece(0, "1}"), piece(1, "{}", id="b")]
    found = message(FREE, events, "tool_calls")
    assert [(x["id"], x["args"]) for x in found.tool_calls] == [("a", {"x": 1}), ("b", {})]
    chunks = [Chunks({}, usage=True)(x).message for x in deltas(FREE, events, "tool_calls")]
    assert all(isinstance(x, AIMessageChunk) for x in chunks)
    merged = chunks[0]
    for chunk in chunks[1:]:
        merged = merged + chunk  # type: ignore[assignment, operator]
    assert isinstance(merged, AIMessageChunk)
    assert merged.tool_calls == found.tool_calls


def test_logprobs_are_collected() -> None:
    first = event("a")
    first["choices"][0]["logprobs"] = {"content": [{"token": "a", "logprob": -0.1}]}
    found = message(FREE, [first, first])
    assert len(found.response_metadata["logprobs"]["content"]) == 2


def test_an_error_in_mid_stream_raises() -> None:
    for code, kind in ((500, errors.EngineFailed), (429, errors.RateLimited)):
        with pytest.raises(kind, match="boom"):
            deltas(FREE, [event("x"), {"error": {"message": "boom", "code": code}}])


@pytest.mark.parametrize("data", [b"", b'data: {"choices":[]}\n\n', b"data: {", b"data: [1]\n\n"])
def test_an_answer_that_is_not_whole_raises(data: bytes) -> None:
    answer = Answer(FREE, "test")
    with pytest.raises(StreamBroken):
        answer.feed(data)
        answer.close()


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, errors.InvalidRequest, False),
        (401, errors.AuthenticationFailed, False),
        (403, errors.PermissionRefused, False),
        (404, errors.ModelMissing, False),
        (413, errors.InvalidRequest, False),
        (429, errors.RateLimited, True),
        (500, errors.EngineFailed, None),
        (503, errors.EngineFailed, None),
    ],
)
def test_statuses_are_typed(status: int, kind: type[CallError], retryable: bool | None) -> None:
    for body in (b'{"error": {"message": "why"}}', b"why", b'{"message": "why"}'):
        found = errors.from_fault(Refused(status, body), "here")
        assert type(found) is kind
        assert "why" in str(found)
        assert found.hint
        if retryable is not None:
            assert getattr(found, "is_retryable", retryable) is retryable


def test_special_refusals() -> None:
    body = {"error": {"type": "exceed_context_size_error", "message": "9 tokens of 4"}}
    overflow = errors.from_fault(Refused(400, json.dumps(body).encode()), "here")
    assert isinstance(overflow, ContextOverflowError)
    assert "9 tokens of 4" in str(overflow)
    limited = errors.from_fault(Refused(429, b"", {"Retry-After": "7"}), "here")
    assert isinstance(limited, ModelRateLimitError)
    assert isinstance(limited, errors.RateLimited)
    assert limited.retry_after_s == 7


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (NotReached("x"), errors.EngineUnreachable),
        (TooSlow("x"), errors.CallTimeout),
        (CutOff("x"), errors.AnswerBroken),
    ],
)
def test_faults_are_typed(fault: Exception, kind: type[CallError]) -> None:
    assert type(errors.from_fault(fault, "here")) is kind


def test_what_is_no_fault_is_raised_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        errors.from_fault(ZeroDivisionError(), "here")
