"""What is sent: messages, tools as text, schemas with an end, refusals before anything starts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from llmanager_sdk import ManagedLLM
from llmanager_sdk.errors import ConfigurationError, UnsupportedInput
from llmanager_sdk.wire.request import MOST_TOKENS, build
from llmanager_sdk.wire.tools import STRING_MOST, bounded


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


TOOL = convert_to_openai_tool(add)
ASKED: list[BaseMessage] = [SystemMessage("be kind"), HumanMessage("3 plus 4?")]
CALLED = AIMessage("", tool_calls=[{"name": "add", "args": {"a": 3, "b": 4}, "id": "c"}])
RESULT = ToolMessage("7", tool_call_id="c")


def body(messages: list[BaseMessage], *, own: bool = False, **options: Any) -> dict[str, Any]:
    request = build(messages, options, model="m", profile={}, own_tools=own)
    found: dict[str, Any] = json.loads(request.body)
    return found


def test_options_and_messages() -> None:
    sent = body(ASKED, temperature=0, seed=None, stop=["x"])
    assert sent["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "3 plus 4?"},
    ]
    assert (sent["model"], sent["stream"], sent["temperature"], sent["stop"]) == (
        "m",
        True,
        0,
        ["x"],
    )
    assert "seed" not in sent
    assert sent["max_tokens"] == MOST_TOKENS
    assert body(ASKED, max_tokens=5)["max_tokens"] == 5


def test_blocks_become_text() -> None:
    blocks = [{"type": "text", "text": "a"}, "b", {"type": "input_text", "text": "c"}]
    thought = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}]
    sent = body([HumanMessage(blocks), AIMessage(thought), ChatMessage("x", role="critic")])  # type: ignore[arg-type]
    assert [x["content"] for x in sent["messages"]] == ["abc", "yes", "x"]
    assert sent["messages"][2]["role"] == "critic"


@pytest.mark.parametrize("kind", ["image", "image_url", "audio", "input_audio", "video", "file"])
def test_what_the_model_cannot_take_is_refused(kind: str) -> None:
    for message in (
        HumanMessage([{"type": kind}]),
        ToolMessage([{"type": kind}], tool_call_id="c"),
    ):
        with pytest.raises(UnsupportedInput, match=kind):
            body([message])


def test_what_the_profile_allows_is_sent() -> None:
    block = {"type": "image", "base64": "AA", "mime_type": "image/png"}
    asked = HumanMessage([{"type": "text-plain", "text": "what?"}, block])
    request = build([asked], {}, model="m", profile={"image_inputs": True}, own_tools=True)
    sent = json.loads(request.body)["messages"][0]["content"]
    assert sent[0] == {"type": "text", "text": "what?"}
    assert sent[1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}


def test_other_messages_and_blocks_are_refused() -> None:
    with pytest.raises(UnsupportedInput, match="RemoveMessage"):
        body([RemoveMessage(id="x")])
    with pytest.raises(UnsupportedInput, match="smell"):
        body([HumanMessage([{"type": "smell"}])])


def test_plain_documents_are_text() -> None:
    told = [
        {"type": "text-plain", "text": "a"},
        {"type": "text-plain", "base64": "aGVsbG8=", "mime_type": "text/plain"},
    ]
    assert body([HumanMessage(told)])["messages"][0]["content"] == "ahello"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "block", [{"url": "http://x/y.txt"}, {"base64": "%"}, {"base64": "/w=="}, {}]
)
def test_a_document_that_cannot_be_read_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedInput, match="text-plain"):
        body([HumanMessage([{"type": "text-plain", **block}])])


@pytest.mark.parametrize("messages", [[], [HumanMessage([])]])
def test_nothing_is_not_answered(messages: list[BaseMessage]) -> None:
    with pytest.raises(UnsupportedInput, match="no message"):
        body(messages)


def test_what_a_server_did_for_another_model_is_not_sent() -> None:
    kinds = ("invalid_tool_call", "server_tool_call", "server_tool_result")
    answer = AIMessage(
        [*({"type": kind, "id": "1"} for kind in kinds), {"type": "text", "text": "x"}]
    )
    assert body([*ASKED, answer, *ASKED[1:]])["messages"][2]["content"] == "x"


def test_more_than_one_answer_is_refused() -> None:
    assert body(ASKED, n=1)["n"] == 1
    with pytest.raises(ConfigurationError, match="one answer"):
        body(ASKED, n=2)


@pytest.mark.parametrize(
    ("messages", "options"),
    [
        ([HumanMessage("a\ud800")], {}),
        ([*ASKED, AIMessage("", tool_calls=[{"name": "f", "args": {"a": 2**70}, "id": "1"}])], {}),
        (ASKED, {"seed": 2**70}),
        (ASKED, {"metadata": object()}),
        (ASKED, {"tools": [{**TOOL, "function": {**TOOL["function"], "x": {1, 2}}}]}),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_what_json_cannot_hold_is_refused(
    messages: list[BaseMessage], options: dict[str, Any], own: bool
) -> None:
    if own or "tools" not in options:  # where tools are described, the rest of them is not sent
        with pytest.raises(UnsupportedInput, match="JSON"):
            body(messages, own=own, **options)


def test_own_tools_are_sent_as_they_are() -> None:
    sent = body([*ASKED, CALLED, RESULT], own=True, tools=[TOOL], tool_choice="auto")
    assert sent["tools"] == [TOOL]
    assert sent["tool_choice"] == "auto"
    assert sent["messages"][2]["tool_calls"][0]["function"]["name"] == "add"
    assert sent["messages"][3] == {"role": "tool", "content": "7", "tool_call_id": "c"}


def test_anthropic_results_become_messages_of_their_own() -> None:
    block = {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "7"}]}
    sent = body([HumanMessage([block, {"type": "text", "text": "so?"}])], own=True)
    assert [x["role"] for x in sent["messages"]] == ["tool", "user"]


def test_tools_are_forced_by_a_schema_and_described() -> None:
    sent = body(ASKED, tools=[TOOL], tool_choice="required", parallel_tool_calls=True)
    assert "tools" not in sent
    assert "parallel_tool_calls" not in sent
    schema = sent["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["name"] == {"const": "add"}
    assert schema["properties"]["arguments"]["required"] == ["a", "b"]
    assert sent["messages"][0]["content"].startswith("be kind")
    assert "add(a: integer, b: integer): Add two numbers." in sent["messages"][0]["content"]


def test_what_tool_choice_means() -> None:
    other = json.loads(json.dumps(TOOL).replace('"add"', '"other"'))

    def names(choice: Any) -> list[str]:
        form = body(ASKED, tools=[TOOL, other], tool_choice=choice).get("response_format")
        if form is None:
            return []
        schema = form["json_schema"]["schema"]
        options = [x["properties"] for x in schema.get("anyOf", [schema])]
        return [x["name"]["const"] if "name" in x else "reply" for x in options]

    assert names("auto") == names(None) == ["add", "other", "reply"]
    assert names("required") == ["add", "other"]
    assert names({"type": "function", "function": {"name": "other"}}) == ["other"]
    assert names("none") == []


def test_a_tool_whose_parameters_refer_to_definitions_is_described_and_held_to_them() -> None:
    line = {"type": "object", "properties": {"n": {"type": "integer"}}}
    order = {
        "type": "object",
        "properties": {"lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}}},
        "$defs": {"Line": line},
    }
    tool = {"type": "function", "function": {"name": "order", "parameters": order}}
    sent = body(ASKED, tools=[tool], tool_choice="required")
    arguments = sent["response_format"]["json_schema"]["schema"]["properties"]["arguments"]
    assert arguments["properties"]["lines"]["items"] == line
    assert '"n"' in sent["messages"][0]["content"]


@pytest.mark.parametrize(
    "form", [{"type": "json_schema"}, {"type": "json_schema", "json_schema": 1}]
)
def test_a_form_without_a_schema_is_refused(form: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="has no json_schema"):
        body(ASKED, response_format=form)


def test_tools_of_others_are_refused_and_choices_are_taken_in_every_form() -> None:
    model = ManagedLLM(endpoint_url="http://127.0.0.1:1/v1")
    with pytest.raises(ConfigurationError, match="web_search_preview"):
        model.bind_tools([{"type": "web_search_preview"}])
    for choice, meant in (("any", "required"), ("auto", "auto"), ("none", "none")):
        bound: Any = model.bind_tools([add], tool_choice={"type": choice})
        assert bound.kwargs["tool_choice"] == meant


def test_an_answer_held_to_a_schema_is_not_left_to_dice() -> None:
    assert body(ASKED, tools=[TOOL])["temperature"] == 0
    assert body(ASKED, tools=[TOOL], temperature=0.7)["temperature"] == 0.7
    assert "temperature" not in body(ASKED)


def test_after_a_result_the_answer_is_text_unless_a_call_is_asked_for() -> None:
    told = body([*ASKED, CALLED, RESULT], tools=[TOOL])
    assert "response_format" not in told
    assert told["messages"][-1]["role"] == "user"
    assert told["messages"][-1]["content"].startswith("Result of add: 7\nNow answer")
    assert '"name": "add"' in told["messages"][-2]["content"]
    assert "response_format" in body([*ASKED, CALLED, RESULT], tools=[TOOL], tool_choice="required")


def test_neighbours_of_one_role_are_joined_for_the_template() -> None:
    two = ToolMessage("8", tool_call_id="d")
    sent = body([*ASKED, CALLED, RESULT, two, HumanMessage("so?")], tools=[TOOL])
    assert [x["role"] for x in sent["messages"]] == ["system", "user", "assistant", "user"]


class Inner(BaseModel):
    """A part."""

    text: str


class Outer(BaseModel):
    """A whole, with a reference."""

    parts: list[Inner]
    kind: str = "x"


def test_schemas_have_an_end() -> None:
    found = bounded(Outer.model_json_schema())
    assert "$defs" not in found
    part = found["properties"]["parts"]["items"]["properties"]["text"]
    assert part == {"type": "string", "maxLength": STRING_MOST}
    assert found["properties"]["parts"]["maxItems"] > 0
    assert bounded({"type": "string", "enum": ["a"]}) == {"type": "string", "enum": ["a"]}


def test_a_field_that_is_called_like_a_keyword_stays() -> None:
    found = bounded({"type": "object", "properties": {"title": {"type": "string"}}})
    assert "title" in found["properties"]
