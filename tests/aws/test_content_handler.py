"""Faces over containers that only a content handler can talk to: on aws, elsewhere, on local."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk import ManagedEmbeddings, ManagedLLM
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.errors import ConfigurationError, StartFailed
from llmanager_sdk.testing.aws import Canned, FakeAws, Fault
from llmanager_sdk.testing.aws.engines import Refusal
from llmanager_sdk.wire.errors import AnswerBroken, RateLimited
from tests import scripted as play
from tests.aws.conftest import Make
from tests.handlers import Odd, OpenAi, Rows, Shouting
from tests.scripted import scripted

IMAGE = {
    "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1",
    "instance_type": "ml.g5.xlarge",
}


class Container:
    """Understands `Shouting` and `Rows`, and refuses everything else."""

    def answer(self, body: bytes) -> Iterator[bytes]:
        asked = json.loads(body)
        if "sentences" in asked:
            rows = [[float(len(text)), 1.0] for text in asked["sentences"]]
            return iter([json.dumps({"rows": rows}).encode()])
        if "inputs" not in asked:
            raise Refusal(422, b"what is this?")
        words = [word.upper() for word in asked["inputs"][-1]["content"].split()]
        if not asked["stream"]:
            return iter([json.dumps({"generated_text": " ".join(words)}).encode()])
        return iter([json.dumps({"token": word}).encode() + b"\n" for word in words])


@pytest.fixture
def platform(aws: FakeAws, make: Make) -> AwsPlatform:
    aws.engine = Container()
    made = make()
    made.beats.beat("test")
    return made


def llm(platform: Any, handler: Any = None, **more: Any) -> ManagedLLM:
    own = {**IMAGE, **more.pop("aws", {})}
    made = handler or Shouting()
    return ManagedLLM(
        "mine", platform=platform, progress="off", content_handler=made, aws=own, **more
    )


def streamed(model: ManagedLLM, text: str) -> list[Any]:
    return list(model.stream(text))


def test_invoke_stream_and_their_twins(aws: FakeAws, platform: AwsPlatform) -> None:
    model = llm(platform, temperature=0)
    answer = model.invoke("héllo wörld")
    assert answer.content == "HÉLLO WÖRLD"
    assert answer.response_metadata["model_name"] == "mine"
    chunks = list(model.stream("a b c"))
    assert [chunk.content for chunk in chunks if chunk.content] == ["A", "B", "C"]
    assert chunks[-1].chunk_position == "last"  # type: ignore[attr-defined]

    async def both() -> tuple[str, list[str]]:
        whole = await model.ainvoke("a b")
        return str(whole.content), [str(x.content) async for x in model.astream("a b") if x.content]

    assert asyncio.run(both()) == ("A B", ["A", "B"])
    assert "sagemaker-runtime:InvokeEndpoint" in aws.faults.calls
    assert "sagemaker-runtime:InvokeEndpointWithResponseStream" in aws.faults.calls


def test_a_copy_in_another_process_answers_too(platform: AwsPlatform) -> None:
    bare = pickle.loads(pickle.dumps(llm(None)))
    assert isinstance(bare.content_handler, Shouting)
    assert llm(platform, bare.content_handler).invoke("hi").content == "HI"


def test_its_container_is_another_deployment_and_its_probe_may_be_refused(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    model = llm(platform)
    model.invoke("hi")
    assert model.resource.status().details["wire"] == "custom"
    with pytest.raises(StartFailed, match="refuses the first call"):
        llm(platform, aws={"probe": '{"nobody": "knows this"}'}).invoke("hi")
    good = {"probe": json.dumps({"inputs": [{"content": "hi"}], "stream": False})}
    assert llm(platform, aws=good).invoke("hi").content == "HI"
    assert len(aws.sagemaker.billed()) == 2


def test_what_is_transient_is_tried_again_and_what_has_begun_is_not(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    model, hasty = llm(platform), llm(platform, max_retries=0)
    model.invoke("hi")
    ways = {"InvokeEndpoint": ManagedLLM.invoke, "InvokeEndpointWithResponseStream": streamed}
    for operation, ask in ways.items():
        action = f"sagemaker-runtime:{operation}"
        aws.faults.clear()
        aws.faults.add(Fault(action, "throttled"))
        assert ask(model, "hi")
        assert aws.faults.calls.count(action) == 2
        aws.faults.add(Fault(action, "throttled"))
        with pytest.raises(RateLimited):
            ask(hasty, "hi")
    aws.faults.clear()
    aws.cut_streams = 1
    with pytest.raises(AnswerBroken, match="it broke"):
        list(model.stream("a b"))
    assert aws.faults.calls.count("sagemaker-runtime:InvokeEndpointWithResponseStream") == 1


def test_an_endpoint_that_exists_may_have_a_handler_too(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    llm(platform).invoke("hi")
    [name] = aws.sagemaker.endpoints
    model = llm(platform, aws={"endpoint_name": name})
    assert model.invoke("hi").content == "HI"
    assert [x.content for x in model.stream("a b") if x.content] == ["A", "B"]


def test_embeddings(aws: FakeAws, platform: AwsPlatform) -> None:
    made = ManagedEmbeddings(
        "mine", platform=platform, progress="off", content_handler=Rows(), aws=IMAGE, batch_size=2
    )
    texts = ["x" * n for n in range(1, 8)]
    found = made.embed_documents(texts)
    assert [round(row[0] / row[1]) for row in found] == list(range(1, 8))
    assert asyncio.run(made.aembed_documents(texts)) == found
    assert made.dimension == 2
    pickle.loads(pickle.dumps(ManagedEmbeddings(content_handler=Rows())))
    calls = [call for call in aws.faults.calls if call.startswith("sagemaker-runtime:")]
    assert set(calls) == {"sagemaker-runtime:InvokeEndpoint"}


def test_headers_and_options_reach_a_container_elsewhere() -> None:
    with scripted(play.says("Hello")) as server:
        model = ManagedLLM(
            "mine", endpoint_url=server.url, content_handler=OpenAi(), temperature=0, stop=["x"]
        )
        assert "".join(str(x.content) for x in model.stream("hi")) == "Hello"
        [sent] = server.requests
        assert sent == {
            "messages": [{"role": "user", "content": "hi"}],
            "temperature": 0.0,
            "stop": ["x"],
            "stream": True,
        }


def test_tools_and_schemas_are_for_the_handler_to_pass_on() -> None:
    def add(a: int) -> int:
        """Add."""
        return a

    with scripted(play.says("Hello")) as server:
        model = ManagedLLM("mine", endpoint_url=server.url, content_handler=OpenAi())
        list(model.bind_tools([add], tool_choice="any").stream("hi"))
        [sent] = server.requests
        assert sent["tools"][0]["function"]["name"] == "add"
        assert sent["tool_choice"] == "required"


def test_a_handler_changes_the_key_of_the_cache() -> None:
    plain, own = ManagedLLM("mine"), ManagedLLM("mine", content_handler=Shouting())
    assert own._identifying_params["content_handler"] == "tests.handlers.Shouting"
    assert "content_handler" not in plain._identifying_params


@pytest.mark.parametrize("face", [ManagedLLM, ManagedEmbeddings])
def test_what_is_no_handler_is_refused_at_once(face: Any) -> None:
    with pytest.raises(ConfigurationError, match="no content handler: a str has no content_type"):
        face(content_handler="json")


def test_what_is_no_message_is_told(platform: AwsPlatform) -> None:
    with pytest.raises(ConfigurationError, match="returned a int"):
        llm(platform, Odd()).invoke("hi")


def test_on_local_the_engine_is_not_that_container(home: Path) -> None:
    model = ManagedLLM(
        content_handler=Shouting(), aws=IMAGE, max_tokens=4, temperature=0, progress="off"
    )
    with model:
        assert model.invoke("Say hello").text
    found = ManagedEmbeddings(content_handler=Rows(), aws=IMAGE).embed_query("hi")
    assert len(found) == 384


def test_json_lines_as_lmi_streams_them_come_through_frames(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    """No handler is needed for these: they are told from server-sent events by their first line."""
    texts = ["für ", "東京 ", "😀"]
    events: list[Any] = [{"choices": [{"index": 0, "delta": {"content": x}}]} for x in texts]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "eos_token"}]})
    data = "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in events).encode()
    aws.engine = Canned([data[:40], data[40:]])
    model = ManagedLLM("qwen3-0.6b", platform=platform, progress="off")
    answer = model.invoke("hi")
    assert answer.content == "".join(texts)
    assert answer.response_metadata["finish_reason"] == "stop"
    assert "".join(str(x.content) for x in model.stream("hi")) == "".join(texts)
