"""Chats with a container that only a content handler can talk to; see `handler`.

A whole answer goes to the handler as a file, one that comes in parts line by line, as langchain-aws
passes it on: with what marks an event, if it is one, and with the empty lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, merge_message_runs
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.http.faults import Timeouts
from llmanager_sdk.ports.models import ChatModel, Link
from llmanager_sdk.wire import PROVIDER
from llmanager_sdk.wire.caller import Call
from llmanager_sdk.wire.errors import broken
from llmanager_sdk.wire.frames import BadFrame, Frames, StreamError
from llmanager_sdk.wire.handler import ContentHandler, Whole, body, by, kinds
from llmanager_sdk.wire.messages import EVERY_INPUT, convert


class Lines:
    """Reads an answer that comes in parts: each line goes to the handler as it is.

    Args:
        where: who answers, for errors.
        framed: the bytes are AWS event-stream frames.
    """

    def __init__(self, handler: ContentHandler, where: str, framed: bool = False) -> None:
        self._handler = handler
        self._where = where
        self._frames = Frames() if framed else None
        self._rest = b""
        self.begun = False

    def feed(self, data: bytes) -> list[AIMessageChunk]:
        """The chunks that these bytes complete.

        Raises:
            AnswerBroken: this is no event stream, or the service reports an error in it.
        """
        if self._frames is not None:
            try:
                data = self._frames.feed(data)
            except (BadFrame, StreamError) as error:
                raise broken(str(error), self._where) from error
        self.begun = self.begun or bool(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return self._read(lines)

    def close(self) -> list[AIMessageChunk]:
        """The last chunks.

        Raises:
            AnswerBroken: it ended in the middle of a frame, or before it began.
        """
        try:
            if self._frames is not None:
                self._frames.close()
        except BadFrame as error:
            raise broken(str(error), self._where) from error
        if not self.begun:
            raise broken("the answer is empty", self._where)
        last = AIMessageChunk(content="", chunk_position="last")
        return [*self._read([self._rest] if self._rest else []), last]

    def _read(self, lines: Iterable[bytes]) -> list[AIMessageChunk]:
        found = (chunk(message(self._handler, line)) for line in lines)
        return [each for each in found if _says(each)]


def message(handler: ContentHandler, output: Any) -> BaseMessage:
    """What a handler makes of an answer, or of a line of one.

    Raises:
        ConfigurationError: it is neither a message nor a text.
    """
    said = by(handler.transform_output, output)
    if said is None or isinstance(said, str):
        return AIMessageChunk(content=said or "")
    if isinstance(said, BaseMessage):
        return said
    raise ConfigurationError(
        f"content_handler.transform_output returned a {type(said).__name__}",
        step="read the answer",
        hint="return an AIMessage, an AIMessageChunk, or a text",
    )


def chunk(said: BaseMessage) -> AIMessageChunk:
    """A message as a piece of one."""
    return said if isinstance(said, AIMessageChunk) else AIMessageChunk(**_parts(said))


def _parts(said: BaseMessage) -> dict[str, Any]:
    names = ["content", "additional_kwargs", "response_metadata", "id"]
    if isinstance(said, AIMessage):
        names += ["tool_calls", "invalid_tool_calls", "usage_metadata"]
    return {each: getattr(said, each) for each in names}


def _says(piece: AIMessageChunk) -> bool:
    told = piece.content, piece.tool_call_chunks, piece.usage_metadata
    return any((*told, piece.additional_kwargs, piece.response_metadata))


class Handled:
    """The form of answers whose pieces are messages already.

    Args:
        metadata: what the answer says of its model.
    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self._metadata = {**metadata, "model_provider": PROVIDER}

    def whole(self, pieces: Iterable[BaseMessage]) -> ChatGeneration:
        """The one message."""
        [said] = pieces
        parts = _parts(said)
        parts["response_metadata"] = {**self._metadata, **parts["response_metadata"]}
        return ChatGeneration(message=AIMessage(**parts))

    def chunks(self, *, usage: bool) -> Callable[[AIMessageChunk], ChatGenerationChunk]:
        """Makes the chunk of each; the last one says who answered."""

        def made(piece: AIMessageChunk) -> ChatGenerationChunk:
            if piece.chunk_position == "last":
                piece.response_metadata = {**self._metadata, **piece.response_metadata}
            if not usage:
                piece.usage_metadata = None
            return ChatGenerationChunk(message=piece)

        return made


def call(
    handler: ContentHandler,
    link: Link,
    model: ChatModel,
    messages: Sequence[BaseMessage],
    options: Mapping[str, Any],
    *,
    streams: bool,
    timeouts: Timeouts,
    retries: int,
) -> Call[Any]:
    """One request to a container that only its handler can talk to.

    Args:
        options: of the OpenAI form; the handler gets what is set as its model_kwargs, with
            `stream` for an answer that is to come in parts.
    """
    given = {each: value for each, value in options.items() if value is not None}
    given |= {"stream": True} if streams else {}
    sent = convert(merge_message_runs(list(messages)), EVERY_INPUT)
    reader: Callable[[bool], Any] = (
        partial(Lines, handler, model.name)
        if streams
        else partial(Whole, partial(message, handler))
    )
    return Call(
        link,
        body(handler, sent, given),
        model.name,
        reader,
        timeouts,
        retries,
        kinds(handler),
        at_once=not streams,
    )
