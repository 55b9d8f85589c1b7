"""Tool calls forced by a JSON schema of ours, for engines whose own tool calling is no good.

The tools are described in the system prompt, and the answer is held to a schema: one of the tools
with its arguments, or, where the model may choose, a plain reply. The form of a call is certain
then, even with a model of 135 million parameters; whether to call is something that such a model
cannot decide well. Policy: after the result of a tool the answer is text, unless a call is asked
for by `tool_choice`; a small model would call for ever.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from langchain_core.utils.json_schema import dereference_refs

STRING_MOST = 300
"""The longest free string of a call, in characters: greedy decoding of a small model must end."""
ITEMS_MOST = 16
"""The longest free list of a call."""
REPLY = "reply"
_REPLY_MOST = 2000
_DROPPED = ("title", "default", "examples", "$defs", "definitions", "description", "$schema")


@dataclass(frozen=True)
class Forced:
    """A request that is held to a schema, and how its answer is read.

    Attributes:
        may_reply: the answer may be a plain reply, {"reply": text}.
    """

    schema: Mapping[str, Any]
    may_reply: bool


def bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without references, and with an end to each free string and list."""
    result: dict[str, Any] = _bounded(_flat(schema))
    return result


def _flat(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema without references; what refers to itself is left open there."""
    return dereference_refs(dict(schema)) if b"$ref" in orjson.dumps(schema) else schema


def _bounded(node: Any) -> Any:
    if isinstance(node, list):
        return [_bounded(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    kept = {name: value for name, value in node.items() if name not in _DROPPED}
    for name in ("properties", "patternProperties"):
        if isinstance(kept.get(name), Mapping):
            kept[name] = {key: _bounded(value) for key, value in kept[name].items()}
    for name in ("items", "anyOf", "oneOf", "allOf", "prefixItems", "additionalProperties"):
        if name in kept:
            kept[name] = _bounded(kept[name])
    if kept.get("type") == "string" and not {"enum", "const", "format", "pattern"} & kept.keys():
        kept.setdefault("maxLength", STRING_MOST)
    if kept.get("type") == "array":
        kept.setdefault("maxItems", max(ITEMS_MOST, kept.get("minItems", 0)))
    return kept


def force(
    tools: Sequence[Mapping[str, Any]], choice: Any, messages: Sequence[Mapping[str, Any]]
) -> Forced | None:
    """The schema for an answer; None where it is free text.

    Args:
        tools: in OpenAI's form.
        choice: "auto", "none", "required", or an object that names one.
        messages: as converted; their end tells whether a tool has just answered.
    """
    if not tools or choice == "none":
        return None
    answered = bool(messages) and messages[-1]["role"] == "tool"
    free = choice in (None, "auto")
    if free and answered:
        return None
    named = choice["function"]["name"] if isinstance(choice, Mapping) else None
    chosen = [x["function"] for x in tools if named in (None, x["function"]["name"])]
    options = [_call(each["name"], each.get("parameters") or {}) for each in chosen]
    if free:
        options.append(_reply())
    schema = options[0] if len(options) == 1 else {"anyOf": options}
    return Forced(schema, free)


def _call(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    arguments = bounded(parameters) or {}
    arguments.setdefault("type", "object")
    arguments.setdefault("properties", {})
    return _object({"name": {"const": name}, "arguments": arguments})


def _reply() -> dict[str, Any]:
    text = {"type": "string", "maxLength": _REPLY_MOST}
    return _object({REPLY: text})


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def describe(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], forced: Forced | None
) -> list[dict[str, Any]]:
    """The messages for a model that knows no tools: everything about them as text."""
    sent = _retold(messages)
    if forced is None:
        if tools and messages and messages[-1]["role"] == "tool":
            sent[-1]["content"] += _NOW_ANSWER
        return sent
    lines = [_signature(each["function"]) for each in tools]
    ask = _OR_REPLY + _ASK if forced.may_reply else _ASK
    text = "\n".join(["You are a helpful assistant with tools:", *lines, ask])
    if sent and sent[0]["role"] == "system":
        return [{"role": "system", "content": f"{sent[0]['content']}\n\n{text}"}, *sent[1:]]
    return [{"role": "system", "content": text}, *sent]


_ASK = (
    "Call a tool whenever one fits. Reply with the JSON of the tool call. "
    "Use the values that the user gives."
)
"""The wording that a model of 135 million parameters followed best, of some twenty."""
_NOW_ANSWER = "\nNow answer my question in plain words, in one sentence."
"""Said after the result of a tool; without it a small model repeats the call."""
_OR_REPLY = f'Without a tool that fits, answer {{"{REPLY}": "..."}}. '
"""A key of its own, so that the choice falls where a model is sure, not on a name it never saw."""


def _signature(function: Mapping[str, Any]) -> str:
    """A tool in one line, as a small model reads it best."""
    properties = _flat(function.get("parameters") or {}).get("properties", {})
    arguments = ", ".join(f"{name}: {_type(form)}" for name, form in properties.items())
    return f"{function['name']}({arguments}): {function.get('description', '')}".strip()


def _type(form: Mapping[str, Any]) -> str:
    kind = form.get("type") or ("value" if "enum" in form else "object")
    if "enum" in form:
        kind = f"one of {orjson.dumps(form['enum']).decode()}"
    if "properties" in form or "items" in form or "anyOf" in form:
        kind = orjson.dumps(bounded(form)).decode()
    told = form.get("description")
    return f"{kind} ({told})" if told else str(kind)


def _retold(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Calls and results as text; neighbours of one role as one message, as templates want it."""
    names: dict[str, str] = {}
    told: list[dict[str, Any]] = []
    for message in messages:
        role, text = message["role"], message["content"]
        if role == "assistant" and "tool_calls" in message:
            for call in message["tool_calls"]:
                names[call["id"]] = call["function"]["name"]
            calls = [
                f'{{"name": "{c["function"]["name"]}", "arguments": {c["function"]["arguments"]}}}'
                for c in message["tool_calls"]
            ]
            text = "\n".join([*([text] if text else []), *calls])
        elif role == "tool":
            name = message.get("name") or names.get(message.get("tool_call_id", ""), "the tool")
            role, text = "user", f"Result of {name}: {text}"
        joinable = told and told[-1]["role"] == role and isinstance(text, str)
        if joinable and isinstance(told[-1]["content"], str):
            told[-1]["content"] += f"\n{text}"
        else:
            told.append({"role": role, "content": text})
    return told


def call_id() -> str:
    """A new id of a tool call."""
    return f"call_{uuid.uuid4().hex[:24]}"
