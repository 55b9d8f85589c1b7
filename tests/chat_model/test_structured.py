"""Structured output over a scripted server: what is not whole is an error, never half an object."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.runnables import Runnable
from pydantic import BaseModel
from typing_extensions import TypedDict

from llmanager_sdk import ManagedLLM
from tests import scripted as play
from tests.scripted import scripted


class Person(TypedDict):
    """A person."""

    name: str
    age: int


class Note(BaseModel):
    """A note, every field of which may lack."""

    text: str = ""
    extra: str = ""


NAMELESS = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def by_invoke(chain: Runnable[Any, Any]) -> Any:
    return chain.invoke("who?")


def by_stream(chain: Runnable[Any, Any]) -> Any:
    return list(chain.stream("who?"))[-1]


def by_ainvoke(chain: Runnable[Any, Any]) -> Any:
    return asyncio.run(chain.ainvoke("who?"))


def by_astream(chain: Runnable[Any, Any]) -> Any:
    async def collect() -> Any:
        return [each async for each in chain.astream("who?")][-1]

    return asyncio.run(collect())


WAYS = pytest.mark.parametrize("way", [by_invoke, by_stream, by_ainvoke, by_astream])


def held(url: str, schema: Any, method: Any, **options: Any) -> Runnable[Any, Any]:
    model = ManagedLLM("canned", endpoint_url=url, api_key="key", own_tools=False)
    return model.with_structured_output(schema, method=method, **options)


@WAYS
@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize(
    ("schema", "text", "finish"),
    [
        (Person, '{"name": "Ann', "length"),
        (Person, '{"name": "Ann", "age": 1', "length"),
        (Person, '{"name": "Ann"}', "stop"),
        (NAMELESS, "{}", "stop"),
        (Note, '{"text": "Pay 1000 euros only if', "length"),
    ],
)
def test_half_an_object_is_an_error(
    way: Any, method: str, schema: Any, text: str, finish: str
) -> None:
    if method == "function_calling":
        text = f'{{"name": "{getattr(schema, "__name__", "answer")}", "arguments": {text}'
        text += "}" if finish == "stop" else ""
    with scripted(play.says(*text, finish=finish)) as server:
        with pytest.raises(OutputParserException) as caught:
            way(held(server.url, schema, method))
        assert ("max_tokens" in str(caught.value)) == (finish == "length")
        told = by_invoke(held(server.url, schema, method, include_raw=True))
    assert told["parsed"] is None
    assert isinstance(told["parsing_error"], OutputParserException)
    assert told["raw"].response_metadata["finish_reason"] != "stop" or finish == "stop"


@WAYS
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_a_whole_object_passes(way: Any, method: str) -> None:
    with scripted(play.says(*'{"name": "Ann", "age": 7}')) as server:
        assert way(held(server.url, Person, method)) == {"name": "Ann", "age": 7}
        assert way(held(server.url, NAMELESS, method))["name"] == "Ann"
        assert way(held(server.url, None, "json_mode"))["age"] == 7
    with scripted(play.says('```json\n{"text": "hi"}\n```')) as server:
        assert way(held(server.url, Note, method)) == Note(text="hi")


@WAYS
def test_a_whole_call_passes(way: Any) -> None:
    text = '{"name": "Person", "arguments": {"name": "Ann", "age": 7}}'
    with scripted(play.says(*text)) as server:
        assert way(held(server.url, Person, "function_calling")) == {"name": "Ann", "age": 7}
