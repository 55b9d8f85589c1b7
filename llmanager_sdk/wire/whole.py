"""Is the answer to a structured question whole? LangChain's parsers close what was cut off."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.utils.json import parse_json_markdown

_strictly = partial(json.loads, strict=False)
"""Line breaks in texts will do, as everywhere in LangChain; an end that lacks will not."""


def check(pieces: Sequence[AIMessage], required: Sequence[str], *, calls: bool) -> None:
    """Check an answer.

    Args:
        pieces: the one message, or its chunks.
        required: the fields that the object must have.
        calls: the object is the arguments of a tool call, else the text.

    Raises:
        OutputParserException: it was cut off, is no JSON, or lacks a field.
    """
    if not pieces:
        return
    first, *rest = pieces
    answer = first.__add__(rest) if rest and isinstance(first, AIMessageChunk) else first
    if not isinstance(answer, AIMessage):
        return
    found = _arguments(answer) if calls else _object(answer)
    lacking = [each for each in required if isinstance(found, Mapping) and each not in found]
    if lacking:
        raise _failed(answer, f"the answer lacks {', '.join(lacking)}")


def _arguments(answer: AIMessage) -> Any:
    if answer.tool_calls:
        return answer.tool_calls[0]["args"]
    if answer.invalid_tool_calls or _ended_early(answer):
        raise _failed(answer, "the tool call is not whole")
    return None  # what is no call at all is the parser's to judge


def _object(answer: AIMessage) -> Any:
    try:
        return parse_json_markdown(answer.text.strip(), parser=_strictly)
    except ValueError as error:
        raise _failed(answer, f"the answer is not whole JSON ({error})") from error


def _ended_early(answer: AIMessage) -> bool:
    return answer.response_metadata.get("finish_reason") == "length"


def _failed(answer: AIMessage, why: str) -> OutputParserException:
    cure = ": it ended at max_tokens, so raise that" if _ended_early(answer) else ""
    said = answer.text or str([each["args"] for each in answer.invalid_tool_calls])
    return OutputParserException(f"{why}{cure}. It says: {said}", llm_output=said)
