"""The body of a chat request, from messages and options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.wire import messages as form
from llmanager_sdk.wire.encode import encoded
from llmanager_sdk.wire.tools import Forced, bounded, describe, force

MOST_TOKENS = 1024
"""Tokens of an answer whose length nobody limited: a small model may never end by itself."""

FORM_TEMPERATURE = 0.0
"""Of an answer held to a schema, if nobody gave one: values are copied, and dice spoil them."""


@dataclass(frozen=True)
class Request:
    """What is sent, and how the answer is to be read.

    Attributes:
        forced: the answer is a forced tool call.
    """

    body: bytes
    forced: Forced | None = None


def build(
    messages: Sequence[BaseMessage],
    options: Mapping[str, Any],
    *,
    model: str,
    profile: Mapping[str, Any],
    own_tools: bool,
) -> Request:
    """Build a request; it always asks for a stream.

    Args:
        options: of the OpenAI form: temperature, max_tokens, stop, tools, tool_choice, ...; None
            is left out.
        model: the name that the server knows.
        own_tools: the server's own tool calling is good.

    Raises:
        ConfigurationError: an option is asked for that there is not.
        UnsupportedInput: a message holds what the model cannot take.
    """
    _check(options)
    sent = form.convert(messages, profile)
    body = {name: value for name, value in options.items() if value is not None}
    forced = None
    tools = body.pop("tools", None)
    choice = body.pop("tool_choice", None)
    if tools and own_tools:
        body |= {"tools": tools} | ({"tool_choice": choice} if choice is not None else {})
    else:
        body.pop("parallel_tool_calls", None)
        told = any(each["role"] == "tool" or "tool_calls" in each for each in sent)
        forced = force(tools or (), choice, sent)
        if tools or (told and not own_tools):
            sent = describe(sent, tools or (), forced)
        if forced is not None:
            body["response_format"] = _format("call", forced.schema)
    _bound(body)
    if not own_tools:
        body.setdefault("max_tokens", MOST_TOKENS)
        if "response_format" in body:
            body.setdefault("temperature", FORM_TEMPERATURE)
    body |= {"model": model, "messages": sent, "stream": True}
    return Request(encoded(body), forced)


def _check(options: Mapping[str, Any]) -> None:
    if options.get("n") not in (None, 1):
        raise ConfigurationError(
            f"n={options['n']!r}: a call has one answer",
            step="build the request",
            hint="call `batch` or `generate` with the same messages several times",
        )


def _bound(body: dict[str, Any]) -> None:
    """Give every free string of a schema that the caller asks for an end."""
    asked = body.get("response_format")
    if isinstance(asked, Mapping) and asked.get("type") == "json_schema":
        if not isinstance(asked.get("json_schema"), Mapping):
            raise ConfigurationError(
                "response_format of type json_schema has no json_schema",
                step="build the request",
                hint='add "json_schema": {"name": ..., "schema": ...}, or use '
                "with_structured_output",
            )
        inner = dict(asked["json_schema"])
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": inner | {"schema": bounded(inner["schema"])},
        }


def _format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": True}}
