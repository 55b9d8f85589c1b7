"""Content handlers as users of langchain-aws write them; none of them needs that package."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk


class Shouting:
    """A container that takes {"inputs", "parameters"} and answers with tokens of its own form."""

    content_type = "application/x-shout"
    accepts = "application/x-heard"

    def transform_input(self, prompt: Any, model_kwargs: dict[str, Any]) -> bytes:
        streams = model_kwargs.pop("stream", False)
        return json.dumps(
            {"inputs": prompt, "parameters": model_kwargs, "stream": streams}
        ).encode()

    def transform_output(self, output: Any) -> Any:
        if isinstance(output, bytes):
            return AIMessageChunk(json.loads(output)["token"] if output else "")
        return AIMessage(json.loads(output.read())["generated_text"])


class Texts:
    """One that returns plain texts, as the first handlers did."""

    content_type = "text/plain"
    accepts = None

    def transform_input(self, prompt: Any, model_kwargs: dict[str, Any]) -> str:
        return str(prompt[-1]["content"])

    def transform_output(self, output: Any) -> str:
        return str((output if isinstance(output, bytes) else output.read()).decode())


class OpenAi:
    """OpenAI's own form, with tools and usage."""

    content_type = "application/json"
    accepts = "application/json"

    def transform_input(self, prompt: Any, model_kwargs: dict[str, Any]) -> bytes:
        return json.dumps({"messages": prompt, **model_kwargs}).encode()

    def transform_output(self, output: Any) -> Any:
        if isinstance(output, bytes):
            return self._line(output.decode())
        said = json.loads(output.read())
        message = said["choices"][0]["message"]
        calls = [_call(each) for each in message.get("tool_calls", [])]
        usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
        return AIMessage(message.get("content") or "", tool_calls=calls, usage_metadata=usage)

    def _line(self, line: str) -> AIMessageChunk:
        text = line.removeprefix("data: ")
        if not text or text == "[DONE]":
            return AIMessageChunk("")
        choices = json.loads(text)["choices"]
        return AIMessageChunk(choices[0]["delta"].get("content", "") if choices else "")


def _call(said: Any) -> Any:
    function = said["function"]
    return {"id": said["id"], "name": function["name"], "args": json.loads(function["arguments"])}


class Rows:
    """Embeddings: {"sentences": [...]} becomes {"rows": [...]}."""

    content_type = "application/json"
    accepts = "application/json"

    def transform_input(self, inputs: list[str], model_kwargs: dict[str, Any]) -> bytes:
        return json.dumps({"sentences": inputs}).encode()

    def transform_output(self, output: Any) -> list[list[float]]:
        found: list[list[float]] = json.loads(output.read())["rows"]
        return found


class Broken(Shouting):
    """One with a fault."""

    def transform_output(self, output: Any) -> Any:
        raise KeyError("token")


class Odd(Shouting):
    """One that returns what is no message."""

    def transform_output(self, output: Any) -> Any:
        return 7
