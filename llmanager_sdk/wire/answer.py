"""From the events of an answer to LangChain's chunks and messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk
from langchain_core.utils.json import parse_partial_json

from llmanager_sdk.wire.errors import broken, from_body
from llmanager_sdk.wire.events import Events, Malformed
from llmanager_sdk.wire.request import Request
from llmanager_sdk.wire.tools import REPLY, call_id

_FINISH = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "function_call": "tool_calls",
}
PROVIDER = "llmanager"
_OPEN, _CLOSE = "<think>", "</think>"


class Answer:
    """Reads one answer, delta by delta.

    Args:
        request: what was asked.
        where: who answers, for errors.
        metadata: goes into the response metadata of the last chunk.
        usage: report token counts.
    """

    def __init__(
        self, request: Request, where: str, metadata: Mapping[str, Any], *, usage: bool = True
    ) -> None:
        self._events = Events()
        self._where = where
        self._metadata = metadata
        self._usage_wanted = usage
        self._forced = request.forced
        self._buffer = ""  # of a forced call
        self._shown = 0  # characters of a forced reply that were passed on
        self._thinking: bool | None = None  # None until the first text tells
        self._head = ""  # text that may be the beginning of a tag
        self._finish = ""
        self._usage: UsageMetadata | None = None
        self._calls = False
        self.begun = False

    def feed(self, data: bytes) -> Iterator[AIMessageChunk]:
        """The chunks that these bytes complete.

        Raises:
            CallError: the server reports an error, or sends nonsense.
        """
        self.begun = True
        try:
            events = self._events.feed(data)
        except Malformed as error:
            raise broken(f"this is no event: {error}", self._where) from error
        for event in events:
            yield from self._event(event)

    def close(self) -> Iterator[AIMessageChunk]:
        """The last chunks, once the stream has ended.

        Raises:
            StreamBroken: it ended before the answer did.
        """
        try:
            events = self._events.close()
        except Malformed as error:
            raise broken("its last event is not whole", self._where) from error
        for event in events:
            yield from self._event(event)
        if not self._finish:
            raise broken("the stream ended without a finish reason", self._where)
        yield from self._rest()
        finish = "tool_calls" if self._calls and self._finish == "stop" else self._finish
        metadata = {**self._metadata, "finish_reason": finish}
        yield AIMessageChunk(
            content="",
            response_metadata=metadata,
            usage_metadata=self._usage if self._usage_wanted else None,
            chunk_position="last",
        )

    def _event(self, event: Any) -> Iterator[AIMessageChunk]:
        if not isinstance(event, dict):
            raise broken(f"this is no event: {event!r}", self._where)
        if event.get("error"):
            status = event["error"].get("code") if isinstance(event["error"], dict) else 0
            raise from_body(status if isinstance(status, int) else 0, event, self._where)
        if event.get("usage"):
            self._usage = usage(event["usage"])
        choices = event.get("choices")
        if not choices:
            return
        choice = choices[0]
        if choice.get("finish_reason"):
            self._finish = _FINISH.get(choice["finish_reason"], choice["finish_reason"])
        delta = choice.get("delta") or choice.get("message") or {}
        extra = {"logprobs": choice["logprobs"]} if choice.get("logprobs") else None
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            yield AIMessageChunk(content="", additional_kwargs={"reasoning_content": thought})
        if text := delta.get("content"):
            yield from self._text(text, extra)
        elif extra:
            yield AIMessageChunk(content="", response_metadata=extra)
        if calls := delta.get("tool_calls"):
            yield self._native(calls)

    def _native(self, calls: list[dict[str, Any]]) -> AIMessageChunk:
        self._calls = True
        chunks = [
            tool_call_chunk(
                name=(call.get("function") or {}).get("name"),
                args=(call.get("function") or {}).get("arguments"),
                id=call.get("id"),
                index=call.get("index", i),
            )
            for i, call in enumerate(calls)
        ]
        return AIMessageChunk(content="", tool_call_chunks=chunks)

    # -- text, thoughts, forced calls ----------------------------------------------------------

    def _text(self, text: str, extra: dict[str, Any] | None) -> Iterator[AIMessageChunk]:
        if self._forced is not None:
            yield from self._piece(text)
        elif self._thinking is False:
            yield AIMessageChunk(content=text, response_metadata=extra or {})
        else:
            yield from self._think(text)

    def _think(self, text: str) -> Iterator[AIMessageChunk]:
        """Text before it is known whether thoughts come first, or while they do."""
        self._head += text
        if self._thinking is None:
            start = self._head.lstrip()
            if start.startswith(_OPEN):
                self._thinking, self._head = True, start[len(_OPEN) :]
            elif _OPEN.startswith(start):
                return
            else:
                self._thinking = False
                yield self._flush()
                return
        thought, tag, rest = self._head.partition(_CLOSE)
        if tag:
            self._thinking, self._head = False, rest.lstrip("\n")
        else:
            keep = next(
                (n for n in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:n])), 0
            )
            cut = len(thought) - keep
            thought, self._head = thought[:cut], thought[cut:]
        if thought:
            yield AIMessageChunk(content="", additional_kwargs={"reasoning_content": thought})
        if self._thinking is False and self._head:
            yield self._flush()

    def _flush(self) -> AIMessageChunk:
        text, self._head = self._head, ""
        return AIMessageChunk(content=text)

    def _piece(self, text: str) -> Iterator[AIMessageChunk]:
        """A piece of a forced answer: a reply is passed on as it grows, a call when it is whole."""
        self._buffer += text
        if self._forced is None or not self._forced.may_reply or REPLY not in self._buffer[:24]:
            return
        try:
            told = parse_partial_json(self._buffer)
        except ValueError:
            return
        if isinstance(told, dict) and told.get("name") == REPLY:
            content = told.get("content") or ""
            if len(content) > self._shown:
                new, self._shown = content[self._shown :], len(content)
                yield AIMessageChunk(content=new)

    def _rest(self) -> Iterator[AIMessageChunk]:
        """What was held back until the end."""
        if self._head:
            if self._thinking:
                thought, self._head = self._head, ""
                yield AIMessageChunk(content="", additional_kwargs={"reasoning_content": thought})
            else:
                yield self._flush()
        if self._forced is None or self._shown:
            return
        name, arguments = _split(self._buffer)
        if self._forced.may_reply and name == REPLY:
            return
        self._calls = True
        chunk = tool_call_chunk(name=name, args=arguments, id=call_id(), index=0)
        yield AIMessageChunk(content="", tool_call_chunks=[chunk])


def _split(text: str) -> tuple[str, str]:
    """Name and arguments of a forced call, as text; one that was cut off stays cut off."""
    try:
        told = orjson.loads(text)
        return told["name"], orjson.dumps(told["arguments"]).decode()
    except (ValueError, KeyError, TypeError):
        name, _, arguments = text.partition('"arguments"')
        return "".join(name.split('"')[3:4]), arguments.lstrip(": \n\t")


def usage(said: Mapping[str, Any]) -> UsageMetadata:
    """Token counts in LangChain's form."""
    read = int(said.get("prompt_tokens") or 0)
    written = int(said.get("completion_tokens") or 0)
    cached = (said.get("prompt_tokens_details") or {}).get("cached_tokens")
    thought = (said.get("completion_tokens_details") or {}).get("reasoning_tokens")
    result = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    if cached is not None:
        result["input_token_details"] = {"cache_read": int(cached)}
    if thought is not None:
        result["output_token_details"] = {"reasoning": int(thought)}
    return result


def as_generation(chunk: AIMessageChunk) -> ChatGenerationChunk:
    """A chunk as a model yields it."""
    info = {}
    if chunk.chunk_position == "last":
        info = {"finish_reason": chunk.response_metadata.get("finish_reason")}
    return ChatGenerationChunk(message=chunk, generation_info=info or None)


def collect(chunks: list[AIMessageChunk]) -> ChatGeneration:
    """One message of all chunks, without adding them up one by one."""
    last = chunks[-1]
    thoughts = "".join(str(x.additional_kwargs.get("reasoning_content", "")) for x in chunks)
    logprobs = [
        each
        for x in chunks
        if (found := x.response_metadata.get("logprobs"))
        for each in found.get("content") or ()
    ]
    metadata = last.response_metadata | ({"logprobs": {"content": logprobs}} if logprobs else {})
    calls = [x for x in chunks if x.tool_call_chunks]
    if calls:
        merged = calls[0] if len(calls) == 1 else sum(calls[1:], calls[0])
        whole = AIMessageChunk(content="", tool_call_chunks=merged.tool_call_chunks)
        tool_calls, invalid = whole.tool_calls, whole.invalid_tool_calls
    else:
        tool_calls, invalid = [], []
    message = AIMessage(
        content="".join(str(x.content) for x in chunks),
        additional_kwargs={"reasoning_content": thoughts} if thoughts else {},
        response_metadata=metadata,
        usage_metadata=last.usage_metadata,
        tool_calls=tool_calls,
        invalid_tool_calls=invalid,
    )
    return ChatGeneration(
        message=message, generation_info={"finish_reason": metadata["finish_reason"]}
    )
