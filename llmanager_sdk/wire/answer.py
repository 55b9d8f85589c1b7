"""From the bytes of an answer to deltas: text, thoughts, tool calls, and how it ended.

`generations` (beside this file) makes LangChain's chunks and messages of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from langchain_core.messages.ai import UsageMetadata
from langchain_core.utils.json import parse_partial_json

from llmanager_sdk.wire.errors import broken, from_body
from llmanager_sdk.wire.events import Events, Malformed
from llmanager_sdk.wire.frames import BadFrame, Frames, StreamError
from llmanager_sdk.wire.request import Request
from llmanager_sdk.wire.tools import REPLY, call_id

_FINISH = {
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "max_tokens": "length",
    "function_call": "tool_calls",
}
_HALF, _LONE = re.compile("[\ud800-\udbff]$"), re.compile("[\ud800-\udfff]")
"""The first half of an escaped character at the end of what came, and halves without another."""
_OPEN, _CLOSE = "<think>", "</think>"


class Piece(NamedTuple):
    """A piece of a tool call; `number` says of which."""

    name: str | None
    args: str | None
    id: str | None
    number: int


class Delta(NamedTuple):
    """A piece of an answer. The last one has `finish`, and the token counts if there are any."""

    text: str = ""
    thought: str = ""
    calls: Sequence[Piece] = ()
    logprobs: Sequence[Any] = ()
    finish: str = ""
    usage: UsageMetadata | None = None


class Answer:
    """Reads one answer, delta by delta.

    Args:
        request: what was asked.
        where: who answers, for errors.
        framed: the bytes are AWS event-stream frames.
    """

    def __init__(self, request: Request, where: str, framed: bool = False) -> None:
        self._frames = Frames() if framed else None
        self._events = Events()
        self._where = where
        self._forced = request.forced
        self._buffer = ""  # of a forced call
        self._shown = 0  # characters of a forced reply that were passed on
        self._thinking: bool | None = None  # None until the first text tells
        self._head = ""  # text that may be the beginning of a tag
        self._finish = ""
        self._usage: UsageMetadata | None = None
        self._calls: dict[int, str] = {}  # number: arguments
        self.begun = False

    def feed(self, data: bytes) -> list[Delta]:
        """The deltas that these bytes complete.

        Raises:
            CallError: the server reports an error, or sends nonsense.
        """
        try:
            if self._frames is not None:
                data = self._frames.feed(data)
            self.begun = self.begun or bool(data)
            events = self._events.feed(data)
        except Malformed as error:
            raise broken(f"this is no event: {error}", self._where) from error
        except (BadFrame, StreamError) as error:
            raise broken(str(error), self._where) from error
        found: list[Delta] = []
        for event in events:
            self._event(event, found)
        return found

    def close(self) -> list[Delta]:
        """The last deltas, once the stream has ended.

        Raises:
            StreamBroken: it ended before the answer did.
        """
        try:
            if self._frames is not None:
                self._frames.close()
            events = self._events.close()
        except (Malformed, BadFrame) as error:
            raise broken("its last event is not whole", self._where) from error
        found: list[Delta] = []
        for event in events:
            self._event(event, found)
        if not self._finish:
            raise broken("the stream ended without a finish reason", self._where)
        found.extend(self._rest())
        if cut := [
            Piece(None, _unrepairable(args), None, number)
            for number, args in self._calls.items()
            if self._is_cut(args)
        ]:
            found.append(Delta(calls=cut))
        finish = "tool_calls" if self._calls and self._finish == "stop" else self._finish
        found.append(Delta(finish=finish, usage=self._usage))
        return found

    def _event(self, event: Any, found: list[Delta]) -> None:
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
        if thought := delta.get("reasoning_content") or delta.get("reasoning"):
            found.append(Delta(thought=thought))
        if choice.get("logprobs"):
            found.append(Delta(logprobs=choice["logprobs"].get("content") or []))
        if text := delta.get("content"):
            if self._forced is not None:
                found.extend(self._piece(text))
            elif self._thinking is False:
                found.append(Delta(text))
            else:
                found.extend(self._think(text))
        if calls := delta.get("tool_calls"):
            found.append(self._native(calls))

    def _native(self, calls: list[dict[str, Any]]) -> Delta:
        pieces = [
            Piece(
                name=(call.get("function") or {}).get("name"),
                args=(call.get("function") or {}).get("arguments"),
                id=call.get("id"),
                number=call.get("index", i),
            )
            for i, call in enumerate(calls)
        ]
        for piece in pieces:
            self._calls[piece.number] = self._calls.get(piece.number, "") + (piece.args or "")
        return Delta(calls=pieces)

    def _is_cut(self, args: str) -> bool:
        """Whether arguments ended before they were whole."""
        if not args:  # of a tool that takes none
            return self._finish == "length"
        try:
            json.loads(args, strict=False)  # as LangChain reads them: line breaks in texts will do
        except ValueError:
            return _is_repaired(args)
        return False

    # -- text, thoughts, forced calls ----------------------------------------------------------

    def _think(self, text: str) -> Iterator[Delta]:
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
        if tag:  # the text begins behind the line breaks that follow
            self._head = rest.lstrip("\n") or _CLOSE
            self._thinking = self._head == _CLOSE
        else:
            keep = next(
                (n for n in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:n])), 0
            )
            cut = len(thought) - keep
            thought, self._head = thought[:cut], thought[cut:]
        if thought:
            yield Delta(thought=thought)
        if self._thinking is False and self._head:
            yield self._flush()

    def _flush(self) -> Delta:
        text, self._head = self._head, ""
        return Delta(text)

    def _piece(self, text: str) -> Iterator[Delta]:
        """A piece of a forced answer: a reply is passed on as it grows, a call when it is whole."""
        self._buffer += text
        if self._forced is None or not self._forced.may_reply or REPLY not in self._buffer[:24]:
            return
        try:
            told = parse_partial_json(self._buffer)
        except ValueError:
            return
        if isinstance(told, dict) and "name" not in told:
            content = _LONE.sub("\ufffd", _HALF.sub("", told.get(REPLY) or ""))
            if len(content) > self._shown:
                new, self._shown = content[self._shown :], len(content)
                yield Delta(new)

    def _rest(self) -> Iterator[Delta]:
        """What was held back until the end."""
        if self._thinking and self._head != _CLOSE:
            yield Delta(thought=self._head)
        elif self._head and not self._thinking:
            yield self._flush()
        if self._forced is None or self._shown:
            return
        if self._forced.may_reply and '"name"' not in self._buffer[:24]:
            return
        name, arguments = _split(self._buffer)
        self._calls[0] = arguments
        yield Delta(calls=[Piece(name, arguments, call_id(), 0)])


def _split(text: str) -> tuple[str, str]:
    """Name and arguments of a forced call, as text; one that was cut off stays cut off."""
    try:
        told = orjson.loads(text)
        return told["name"], orjson.dumps(told["arguments"]).decode()
    except (ValueError, KeyError, TypeError):
        name, found, arguments = text.partition('"arguments"')
        if not found:  # cut off in its name: nothing but the text can be told
            return "", text + _unrepairable(text)
        return "".join(name.split('"')[3:4]), arguments.lstrip(": \n\t")


def _unrepairable(args: str) -> str:
    """An end that keeps arguments which were cut off from being taken for whole ones.

    LangChain closes what is open when it adds up chunks, and half a text would be acted upon. A
    bracket that closes nothing is not repaired, so the call is among the invalid ones.
    """
    ends = ("}", "]", '"}', '"]', '""}', '""]')  # in a text, and behind a backslash in one
    return next(end for end in ends if not _is_repaired(args + end))


def _is_repaired(args: str) -> bool:
    try:
        return isinstance(parse_partial_json(args), dict)
    except ValueError:
        return False


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
