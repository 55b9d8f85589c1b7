"""An endpoint that a person deleted in the console: every way of calling notices it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.exceptions import ModelAPIError

from llmanager_sdk import ManagedEmbeddings, ManagedLLM, ResourceWarming
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.testing.aws import Canned, FakeAws
from tests.aws.conftest import Make
from tests.aws.test_faces import both


@pytest.fixture
def platform(aws: FakeAws, make: Make) -> AwsPlatform:
    aws.engine = Canned(both)
    made = make()
    made.beats.beat("test", 3600.0)
    return made


def llm(platform: AwsPlatform, **more: Any) -> ManagedLLM:
    return ManagedLLM("qwen3-0.6b", platform=platform, progress="off", **more)


def by_invoke(platform: AwsPlatform) -> object:
    return llm(platform).invoke("hi").content


def by_stream(platform: AwsPlatform) -> object:
    return "".join(str(chunk.content) for chunk in llm(platform).stream("hi"))


def by_ainvoke(platform: AwsPlatform) -> object:
    return asyncio.run(llm(platform).ainvoke("hi")).content


def by_astream(platform: AwsPlatform) -> object:
    async def collect() -> str:
        return "".join([str(chunk.content) async for chunk in llm(platform).astream("hi")])

    return asyncio.run(collect())


def by_embeddings(platform: AwsPlatform) -> object:
    return ManagedEmbeddings("minilm", platform=platform, progress="off").embed_query("hi")


def by_aembeddings(platform: AwsPlatform) -> object:
    made = ManagedEmbeddings("minilm", platform=platform, progress="off")
    return asyncio.run(made.aembed_query("hi"))


def by_a_crowd(platform: AwsPlatform) -> object:
    model = llm(platform)
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: model.invoke("hi").content, range(8)))


Way = Callable[[AwsPlatform], object]
WAYS = [by_invoke, by_stream, by_ainvoke, by_astream, by_embeddings, by_aembeddings, by_a_crowd]


@pytest.mark.parametrize("way", WAYS)
def test_it_is_brought_back_once(aws: FakeAws, platform: AwsPlatform, way: Way) -> None:
    first = way(platform)
    [name] = list(aws.sagemaker.endpoints)
    del aws.sagemaker.endpoints[name]
    assert way(platform) == first
    [again] = aws.sagemaker.endpoints
    assert again != name
    assert aws.sagemaker.created["endpoint"] == 2


def test_who_does_not_wait_is_told_in_langchains_words_too(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    llm(platform).invoke("hi")
    aws.sagemaker.endpoints.clear()
    with pytest.raises(ResourceWarming) as caught:
        llm(platform, on_cold="raise").invoke("hi")
    assert isinstance(caught.value, ModelAPIError)
    assert caught.value.is_retryable
    assert caught.value.estimate_s is not None


def test_an_endpoint_that_is_not_ours_is_not_brought_back(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    theirs = ManagedLLM(platform=platform, aws={"endpoint_name": "theirs"}, max_retries=0)
    with pytest.raises(Exception, match="nobody answers"):
        theirs.invoke("hi")
    assert aws.sagemaker.endpoints == {}


def test_no_model_is_named_in_a_request(aws: FakeAws, platform: AwsPlatform) -> None:
    """Fact: vLLM refuses a name that is not that of its weights, and takes an empty one."""
    seen: list[Any] = []

    def note(asked: Any) -> list[bytes]:
        seen.append(asked["model"]) if "stream" in asked else None
        return both(asked)

    aws.engine = Canned(note)
    llm(platform).invoke("hi")
    assert seen == [""]
