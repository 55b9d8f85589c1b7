"""Structured output: what to bind to a model, and how its answer becomes the object asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import (
    Runnable,
    RunnableGenerator,
    RunnableMap,
    RunnablePassthrough,
)
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.wire.whole import check

Method = Literal["json_schema", "function_calling", "json_mode"]
NAMELESS = "answer"
"""What a schema is called that has no name."""
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
    schema = named(schema)
    told = {"ls_structured_output_format": {"kwargs": {"method": method}, "schema": _tool(schema)}}
    if method == "function_calling":
        tool = convert_to_openai_tool(schema, strict=strict)
        choice = {"type": "function", "function": {"name": tool["function"]["name"]}}
        return {"tools": [tool], "tool_choice": choice, **told}
    form = _form(schema)
    name = str(form.get("title") or NAMELESS).replace(" ", "_")
    inner = {"name": name, "schema": form, "strict": strict is not False}
    return {"response_format": {"type": "json_schema", "json_schema": inner}, **told}


def named(schema: Any) -> Any:
    """The schema, with a title if it is a JSON schema that has none: LangChain needs one."""
    if isinstance(schema, Mapping) and not schema.keys() & {"title", "name", "function"}:
        return {"title": NAMELESS, **schema}
    return schema


def _form(schema: Any) -> Mapping[str, Any]:
    """The JSON schema."""
    return convert_to_json_schema(named(schema))


def _tool(schema: Any) -> Any:
    try:
        return convert_to_openai_tool(schema)
    except Exception as error:
        raise ConfigurationError(
            f"no schema can be made of {schema!r}: {error}",
            hint="pass a pydantic model, a TypedDict or a JSON schema",
        ) from error


def parser(schema: Any, method: Method) -> Runnable[Any, Any]:
    """From the model's message to the object asked for.

    Its runs raise LangChain's OutputParserException for an answer that was cut off, or that lacks
    what a schema without a class requires; those of a class say themselves what they lack.
    """
    pydantic = isinstance(schema, type) and is_basemodel_subclass(schema)
    required = [] if pydantic or schema is None else _form(schema).get("required", [])
    return _checks(required, calls=method == "function_calling") | _parser(
        schema, method, pydantic=pydantic
    )


def _parser(schema: Any, method: Method, *, pydantic: bool) -> Runnable[Any, Any]:
    if method == "function_calling":
        if pydantic:
            return PydanticToolsParser(tools=[schema], first_tool_only=True)
        name = convert_to_openai_tool(named(schema))["function"]["name"]
        return JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
    if pydantic:
        return PydanticOutputParser(pydantic_object=schema)
    return JsonOutputParser()


def _checks(required: Sequence[str], *, calls: bool) -> Runnable[Any, Any]:
    """Passes an answer on, piece by piece, and raises at its end if it is not whole."""

    def passed(pieces: Iterator[AIMessage]) -> Iterator[AIMessage]:
        kept = []
        for piece in pieces:
            kept.append(piece)
            yield piece
        check(kept, required, calls=calls)

    async def apassed(pieces: AsyncIterator[AIMessage]) -> AsyncIterator[AIMessage]:
        kept = []
        async for piece in pieces:
            kept.append(piece)
            yield piece
        check(kept, required, calls=calls)

    return RunnableGenerator(passed, apassed)


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
