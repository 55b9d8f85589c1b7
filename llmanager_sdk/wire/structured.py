"""Structured output: what to bind to a model, and how its answer becomes the object asked for."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Literal

from langchain_core.language_models import LanguageModelInput
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from llmanager_sdk.errors import ConfigurationError

Method = Literal["json_schema", "function_calling", "json_mode"]
METHODS: tuple[Method, ...] = ("json_schema", "function_calling", "json_mode")


def binding(schema: Any, method: Method, strict: bool | None) -> dict[str, Any]:
    """What to bind to the model.

    Raises:
        ConfigurationError: no such method, or nothing that a schema can be made of.
    """
    if method not in METHODS:
        raise ConfigurationError(
            f"method={method!r} is not known", hint=f"use one of {', '.join(METHODS)}"
        )
    if schema is None:
        if method != "json_mode":
            raise ConfigurationError(
                f"method={method!r} needs a schema",
                hint="pass a pydantic model, a TypedDict or a JSON schema",
            )
        return {"response_format": {"type": "json_object"}}
    told = {"ls_structured_output_format": {"kwargs": {"method": method}, "schema": _tool(schema)}}
    if method == "function_calling":
        tool = convert_to_openai_tool(schema, strict=strict)
        choice = {"type": "function", "function": {"name": tool["function"]["name"]}}
        return {"tools": [tool], "tool_choice": choice, **told}
    form = convert_to_json_schema(schema)
    name = str(form.get("title") or "answer").replace(" ", "_")
    inner = {"name": name, "schema": form, "strict": strict is not False}
    return {"response_format": {"type": "json_schema", "json_schema": inner}, **told}


def _tool(schema: Any) -> Any:
    try:
        return convert_to_openai_tool(schema)
    except Exception as error:
        raise ConfigurationError(
            f"no schema can be made of {schema!r}: {error}",
            hint="pass a pydantic model, a TypedDict or a JSON schema",
        ) from error


def parser(schema: Any, method: Method) -> Runnable[Any, Any]:
    """From the model's message to the object asked for."""
    pydantic = isinstance(schema, type) and is_basemodel_subclass(schema)
    if method == "function_calling":
        if pydantic:
            return PydanticToolsParser(tools=[schema], first_tool_only=True)
        name = convert_to_openai_tool(schema)["function"]["name"]
        return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
    if pydantic:
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def chain(
    model: Runnable[LanguageModelInput, Any], parse: Runnable[Any, Any], *, include_raw: bool
) -> Runnable[LanguageModelInput, Any]:
    """Model and parser, with the raw message and the parsing error beside it if asked for."""
    if not include_raw:
        return model | parse
    parsed = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parse, parsing_error=lambda _: None
    )
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parsed.with_fallbacks([failed], exception_key="parsing_error")
