"""Calls over a scripted server: what is tried again, what raises, what is sent."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.exceptions import ModelConnectionError
from langchain_core.messages import AIMessageChunk

from llmanager_sdk import ManagedLLM
from llmanager_sdk.errors import CallError, ConfigurationError
from llmanager_sdk.wire import errors
from tests import scripted as play
from tests.scripted import Play, scripted


def llm(url: str, **options: Any) -> ManagedLLM:
    return ManagedLLM("canned", endpoint_url=url, api_key="secret-key", **options)


def by_invoke(model: ManagedLLM) -> str:
    return model.invoke("hello").text


def by_stream(model: ManagedLLM) -> str:
    return "".join(chunk.text for chunk in model.stream("hello"))


def by_ainvoke(model: ManagedLLM) -> str:
    return asyncio.run(model.ainvoke("hello")).text


def by_astream(model: ManagedLLM) -> str:
    async def collect() -> str:
        return "".join([chunk.text async for chunk in model.astream("hello")])

    return asyncio.run(collect())


WAYS = pytest.mark.parametrize("way", [by_invoke, by_stream, by_ainvoke, by_astream])
Way = Callable[[ManagedLLM], str]


@WAYS
def test_an_answer(way: Way) -> None:
    with scripted(play.says("Hel", "lo")) as server:
        assert way(llm(server.url)) == "Hello"
        assert server.requests[0]["stream"] is True


@WAYS
@pytest.mark.parametrize(
    "first",
    [play.hangs_up, play.fails(503, "loading"), play.fails(429, "busy", "Retry-After: 0\r\n")],
    ids=["hangs up", "503", "429"],
)
def test_what_may_pass_is_tried_again(way: Way, first: Play) -> None:
    with scripted(first, play.says("Hello")) as server:
        assert way(llm(server.url)) == "Hello"
        assert len(server.requests) == 2


@WAYS
def test_what_stays_is_not_tried_again(way: Way) -> None:
    with scripted(play.fails(400, "no such thing"), play.says("Hello")) as server:
        with pytest.raises(errors.InvalidRequest, match="no such thing"):
            way(llm(server.url))
        assert len(server.requests) == 1


@WAYS
def test_an_answer_that_is_cut_off_raises_and_is_not_tried_again(way: Way) -> None:
    with scripted(play.cuts_off_after("Hel"), play.says("Hello")) as server:
        with pytest.raises(errors.AnswerBroken) as caught:
            way(llm(server.url))
        assert isinstance(caught.value, ModelConnectionError)
        assert len(server.requests) == 1


@WAYS
def test_a_server_that_says_nothing_is_not_waited_for_for_ever(way: Way) -> None:
    with (
        scripted(play.says_nothing(30)) as server,
        pytest.raises(errors.CallTimeout, match="too long"),
    ):
        way(llm(server.url, timeout=0.3))


@WAYS
def test_retries_end(way: Way) -> None:
    with scripted(play.fails(503, "never", "Retry-After: 0\r\n")) as server:
        with pytest.raises(errors.EngineFailed, match="never"):
            way(llm(server.url, max_retries=1))
        assert len(server.requests) == 2


def test_no_error_shows_the_key() -> None:
    with scripted(play.fails(401, "who are you?")) as server:
        model = llm(server.url)
        with pytest.raises(errors.AuthenticationFailed) as caught:
            model.invoke("hello")
        shown = f"{caught.value!r} {caught.value} {model!r} {model} {model._identifying_params}"
        assert "secret-key" not in shown


def test_arguments_are_sent_and_may_be_overridden() -> None:
    with scripted(play.says("x")) as server:
        model = llm(server.url, temperature=0.5, max_tokens=9, stop=["a"], seed=3, top_p=0.9)
        model.invoke("hello", stop=["b"], temperature=0)
        sent = server.requests[0]
        assert (sent["temperature"], sent["max_tokens"], sent["stop"]) == (0, 9, ["b"])
        assert (sent["seed"], sent["top_p"], sent["model"]) == (3, 0.9, "canned")


def test_what_only_streams_know_is_not_sent() -> None:
    with scripted(play.says("x")) as server:
        model = llm(server.url)
        assert model.invoke("hello", stream_usage=False).text == "x"
        assert "stream_usage" not in server.requests[0]


def test_the_first_and_the_last_chunk_say_who_and_how() -> None:
    with scripted(play.says("a", "b")) as server:
        chunks = list(llm(server.url).stream("hello"))
    assert chunks[0].response_metadata["model_provider"] == "llmanager"
    last = [x for x in chunks if isinstance(x, AIMessageChunk) and x.chunk_position == "last"]
    assert last[0].response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize(
    "wrong",
    [
        {"temprature": 1},
        {"max_tokens": 0},
        {"top_p": 2},
        {"on_cold": "maybe"},
        {"idle_timeout": "soon"},
        {"idle_timeout": 0},
        {"timeout": -1},
        {"timeout": 0},
        {"timeout": "0s"},
    ],
)
def test_wrong_arguments_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        ManagedLLM(**wrong)


def test_a_tool_that_is_not_bound_cannot_be_chosen() -> None:
    def add(a: int) -> int:
        """Add."""
        return a

    with pytest.raises(ConfigurationError, match="other"):
        ManagedLLM().bind_tools([add], tool_choice="other")
    with pytest.raises(ConfigurationError, match="schema"):
        ManagedLLM().with_structured_output(None)


def test_copies_and_pickles_answer_too() -> None:
    with scripted(play.says("Hello")) as server:
        model = llm(server.url)
        copies = [copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
        assert [each.invoke("hello").text for each in copies] == ["Hello"] * 3


def test_a_fork_answers_too() -> None:
    with scripted(play.says("Hello")) as server:
        model = llm(server.url)
        assert model.invoke("hello").text == "Hello"
        fork = multiprocessing.get_context("fork")
        with fork.Pool(2) as pool:
            assert pool.map(by_invoke, [model] * 4) == ["Hello"] * 4


def test_many_loops_and_threads_share_a_model() -> None:
    with scripted(play.says("Hello")) as server:
        model = llm(server.url)
        found: list[str] = []
        threads = [
            threading.Thread(target=lambda way=way: found.append(way(model)))  # type: ignore[misc]
            for way in (by_invoke, by_ainvoke, by_astream, by_stream) * 5
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["Hello"] * 20


def test_nobody_there_is_a_typed_error() -> None:
    with scripted(play.says("x")) as server:
        url = server.url
    with pytest.raises(CallError, match="nobody answers"):
        llm(url).invoke("hello")
