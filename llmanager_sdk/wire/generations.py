"""LangChain's chunks and messages, made of the deltas of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from llmanager_sdk.wire import PROVIDER
from llmanager_sdk.wire.answer import Delta, Piece


class Form(Protocol):
    """What LangChain gets of the pieces of an answer."""

    def whole(self, pieces: Iterable[Any]) -> ChatGeneration:
        """One message of all of them."""

    def chunks(self, *, usage: bool) -> Callable[[Any], ChatGenerationChunk]:
        """Makes the chunk of each piece, in order.

        Args:
            usage: report token counts.
        """


class Deltas:
    """The form of answers whose pieces are deltas.

    Args:
        metadata: what the answer says of its model.
    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self._metadata = metadata

    def whole(self, pieces: Iterable[Delta]) -> ChatGeneration:
        """One message of all of them."""
        return collect(pieces, self._metadata)

    def chunks(self, *, usage: bool) -> Chunks:
        """Makes the chunk of each."""
        return Chunks(self._metadata, usage=usage)


class Chunks:
    """Makes the chunks of one answer, in order.

    Args:
        metadata: goes into the response metadata of the last chunk.
        usage: report token counts.
    """

    def __init__(self, metadata: Mapping[str, Any], *, usage: bool) -> None:
        self._metadata = metadata
        self._usage = usage
        self._first = True

    def __call__(self, delta: Delta) -> ChatGenerationChunk:
        """The chunk of one delta. The first says who answers, the last how it ended."""
        # A chunk costs the less, the fewer of its fields are given: most have a text alone.
        given: dict[str, Any] = {}
        metadata: dict[str, Any] = {"model_provider": PROVIDER} if self._first else {}
        self._first = False
        if delta.logprobs:
            metadata["logprobs"] = {"content": list(delta.logprobs)}
        if delta.finish:
            metadata |= {**self._metadata, "finish_reason": delta.finish}
            given["chunk_position"] = "last"
        if metadata:
            given["response_metadata"] = metadata
        if delta.thought:
            given["additional_kwargs"] = {"reasoning_content": delta.thought}
        if delta.calls:
            given["tool_call_chunks"] = [_chunk(piece) for piece in delta.calls]
        if delta.usage and self._usage:
            given["usage_metadata"] = delta.usage
        message = AIMessageChunk(content=delta.text, **given)
        if not delta.finish:
            return ChatGenerationChunk(message=message)
        info = {"finish_reason": delta.finish}
        return ChatGenerationChunk(message=message, generation_info=info)


def _chunk(piece: Piece) -> Any:
    return tool_call_chunk(name=piece.name, args=piece.args, id=piece.id, index=piece.number)


def collect(deltas: Iterable[Delta], metadata: Mapping[str, Any]) -> ChatGeneration:
    """One message of a whole answer."""
    text: list[str] = []
    thoughts: list[str] = []
    logprobs: list[Any] = []
    calls: list[AIMessageChunk] = []
    last = Delta()
    for last in deltas:
        text.append(last.text)
        if last.thought:
            thoughts.append(last.thought)
        logprobs.extend(last.logprobs)
        calls.extend(AIMessageChunk(content="", tool_call_chunks=[_chunk(x)]) for x in last.calls)
    told = {**metadata, "model_provider": PROVIDER, "finish_reason": last.finish}
    if logprobs:
        told["logprobs"] = {"content": logprobs}
    extra: dict[str, Any] = {}
    if calls:
        merged = calls[0] if len(calls) == 1 else calls[0].__add__(calls[1:])
        extra = {"tool_calls": merged.tool_calls, "invalid_tool_calls": merged.invalid_tool_calls}
    message = AIMessage(
        content="".join(text),
        additional_kwargs={"reasoning_content": "".join(thoughts)} if thoughts else {},
        response_metadata=told,
        usage_metadata=last.usage,
        **extra,
    )
    return ChatGeneration(message=message, generation_info={"finish_reason": last.finish})
