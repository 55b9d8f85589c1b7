"""Tools and structured output of a chat model: what LangChain's `bind` gets to carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool

from llmanager_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel
    from langchain_core.tools import BaseTool

    from llmanager_sdk.wire.structured import Method


class BindsTools:
    """The part of a chat model that takes tools and schemas; the wire makes requests of them."""

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: dict[str, Any] | str | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools.

        Args:
            tools: functions, tools, pydantic models, or schemas.
            tool_choice: "auto", "none", "any" (also "required", True), the name of one tool, or
                OpenAI's object.
            strict: hold arguments to the schema; a local engine always does.
            parallel_tool_calls: allow several calls in one answer, where the engine can.

        On local a call is forced by a schema, so its form is certain; whether to call is not
        something that a small model decides well. After the result of a tool the answer is text.
        """
        forms = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
        names = [_name(form) for form in forms]
        bound: dict[str, Any] = {"tools": forms, **kwargs}
        choice = _choice(tool_choice, names)
        if choice is not None:
            bound["tool_choice"] = choice
        if parallel_tool_calls is not None:
            bound["parallel_tool_calls"] = parallel_tool_calls
        return cast("BaseChatModel", self).bind(**bound)

    def with_structured_output(
        self,
        schema: Any = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """The model, held to a schema; answers are objects of it.

        Args:
            schema: a pydantic model, a TypedDict, or a JSON schema.
            method: "json_schema" and "json_mode" hold the text to the schema, "function_calling"
                asks for a tool call. "json_mode" may go without a schema.
            include_raw: answer with raw message, parsed object and parsing error.
        """
        from llmanager_sdk.wire import structured

        bound = structured.binding(schema, method, strict)
        return structured.chain(
            cast("BaseChatModel", self).bind(**bound, **kwargs),
            structured.parser(schema, method),
            include_raw=include_raw,
        )


def _name(form: dict[str, Any]) -> str:
    if "function" not in form:
        raise ConfigurationError(
            f"a tool of type {form.get('type')!r} cannot be bound",
            hint="bind functions, tools, pydantic models or their schemas",
        )
    return str(form["function"]["name"])


def _choice(choice: dict[str, Any] | str | bool | None, names: list[str]) -> Any:
    if isinstance(choice, dict) and choice.get("type") in ("any", "required", "auto", "none"):
        choice = str(choice["type"])
    if choice is None or choice is False:
        return None
    if choice is True or choice in ("any", "required"):
        return "required"
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name") or choice.get("name")
        choice = str(name)
    if choice in ("auto", "none"):
        return choice
    if choice not in names:
        raise ConfigurationError(
            f"tool_choice={choice!r} names no tool that is bound",
            hint=f"bound are {', '.join(names) or 'none'}; or say 'auto', 'any' or 'none'",
        )
    return {"type": "function", "function": {"name": choice}}
