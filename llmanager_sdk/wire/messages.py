"""LangChain messages as OpenAI's chat form has them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from llmanager_sdk.errors import UnsupportedInput
from llmanager_sdk.wire.encode import encoded

_INPUTS = {
    "image": "image_inputs",
    "image_url": "image_inputs",
    "audio": "audio_inputs",
    "input_audio": "audio_inputs",
    "video": "video_inputs",
    "file": "pdf_inputs",
    "document": "pdf_inputs",
}
"""Blocks that not every model takes, and the entry of a model's profile that says so."""
EVERY_INPUT: Mapping[str, bool] = dict.fromkeys(_INPUTS.values(), True)
"""The profile of who takes them all."""

_THOUGHTS = ("reasoning", "thinking", "redacted_thinking")
_CALLS = ("tool_use", "tool_call", "tool_call_chunk", "invalid_tool_call")
_OF_SERVERS = (
    "server_tool_use",
    "server_tool_call",
    "server_tool_call_chunk",
    "server_tool_result",
)
_SILENT = (*_THOUGHTS, *_CALLS, *_OF_SERVERS)
"""Blocks of an earlier answer that are not sent back: thoughts, what `tool_calls` hold, and what a
server did for another model."""


def convert(messages: Sequence[BaseMessage], profile: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages to send.

    Args:
        profile: LangChain's model profile; an input it does not name is refused.

    Raises:
        UnsupportedInput: a message holds what the model cannot take.
    """
    sent: list[dict[str, Any]] = []
    for message in messages:
        sent.extend(_convert(message, profile))
    if not sent:
        raise UnsupportedInput(
            "there is no message to answer",
            step="build the request",
            hint="pass at least one message that holds something",
        )
    return sent


def _convert(message: BaseMessage, profile: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.content
    if isinstance(message, HumanMessage):
        if isinstance(content, str):
            return [{"role": "user", "content": content}]
        return _human(content, profile)
    text = content if isinstance(content, str) else _text(content, profile)
    if isinstance(message, AIMessage):
        return [_assistant(message, text)]
    if isinstance(message, SystemMessage):
        return [{"role": "system", "content": text}]
    if isinstance(message, ToolMessage):
        return [_result(message.tool_call_id, text, message.name)]
    if isinstance(message, FunctionMessage):
        return [_result("", text, message.name)]
    if isinstance(message, ChatMessage):
        return [{"role": message.role, "content": text}]
    raise UnsupportedInput(
        f"a {type(message).__name__} cannot be sent to a model",
        step="build the request",
        hint="send human, AI, system and tool messages",
    )


def _assistant(message: AIMessage, text: str) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": "assistant", "content": text}
    calls = [
        {
            "id": call["id"] or "",
            "type": "function",
            "function": {"name": call["name"], "arguments": encoded(call["args"]).decode()},
        }
        for call in message.tool_calls
    ]
    if calls:
        sent["tool_calls"] = calls
    return sent


def _result(call_id: str, text: str, name: str | None) -> dict[str, Any]:
    sent = {"role": "tool", "content": text, "tool_call_id": call_id}
    return sent | {"name": name} if name else sent


def _human(content: Sequence[Any], profile: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A human message of blocks; results of tools among them become messages of their own."""
    results, rest = [], []
    for block in content:
        if isinstance(block, dict) and block.get("type") == "tool_result":
            inner = block.get("content") or ""
            text = inner if isinstance(inner, str) else _text(inner, profile)
            results.append(_result(block.get("tool_use_id", ""), text, None))
        else:
            rest.append(block)
    if not rest:
        return results
    media = [x for x in rest if isinstance(x, dict) and x.get("type") in _INPUTS]
    if not media:
        return [*results, {"role": "user", "content": _text(rest, profile)}]
    for block in media:
        _check(block, profile)
    return [*results, {"role": "user", "content": [_open_block(x) for x in rest]}]


def _text(content: Sequence[Any], profile: Mapping[str, Any]) -> str:
    """The text of blocks."""
    parts = []
    for block in content:
        if isinstance(block, str):
            parts.append(block)
        elif block.get("type") in ("text", "input_text", "output_text"):
            parts.append(str(block.get("text", "")))
        elif block.get("type") == "text-plain":
            parts.append(_plain(block))
        elif block.get("type") in _SILENT:
            continue
        elif block.get("type") == "tool_result":
            inner = block.get("content") or ""
            parts.append(inner if isinstance(inner, str) else _text(inner, profile))
        elif block.get("type") in _INPUTS:
            _check(block, profile)
        elif block.get("type") == "json":
            parts.append(encoded(block.get("json")).decode())
        elif block.get("type") != "non_standard":
            raise _refusal(str(block.get("type")), "has no such input")
    return "".join(parts)


def _plain(block: Mapping[str, Any]) -> str:
    """The text of a document."""
    if "text" in block:
        return str(block["text"])
    try:
        return base64.b64decode(block["base64"], validate=True).decode()
    except (KeyError, ValueError, TypeError) as error:
        raise UnsupportedInput(
            f"a message holds a block of type 'text-plain' and no text to read in it: {error!r}",
            step="build the request",
            hint="put the text itself into the block, as `text` or `base64`; no address is fetched",
        ) from error


def _check(block: Mapping[str, Any], profile: Mapping[str, Any]) -> None:
    kind = str(block["type"])
    if not profile.get(_INPUTS[kind]):
        raise _refusal(kind, "cannot take it")


def _refusal(kind: str, why: str) -> UnsupportedInput:
    return UnsupportedInput(
        f"a message holds a block of type {kind!r}, and this model {why}",
        step="build the request",
        hint="send text, or use a model whose profile takes such input",
    )


def _open_block(block: Any) -> dict[str, Any]:
    """A block as OpenAI has it."""
    if isinstance(block, str):
        return {"type": "text", "text": block}
    if block.get("type") == "text-plain":
        return {"type": "text", "text": _plain(block)}
    if block.get("type") != "image":
        return dict(block)
    data = block.get("base64") or block.get("data")
    mime = block.get("mime_type", "image/png")
    url = block.get("url") or f"data:{mime};base64,{data}"
    return {"type": "image_url", "image_url": {"url": url}}
