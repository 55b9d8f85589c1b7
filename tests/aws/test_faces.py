"""The faces on the platform aws: the same code, over frames and signatures."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from llmanager_sdk import ChatHistory, ManagedEmbeddings, ManagedLLM, ResourceWarming, warm
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.errors import ConfigurationError, UnknownModel
from llmanager_sdk.testing.aws import Canned, FakeAws, Fault
from llmanager_sdk.testing.aws.engines import Refusal, chat_parts
from llmanager_sdk.wire.errors import AnswerBroken, ContextOverflow, PermissionRefused, RateLimited
from tests.aws.clocks import Turned
from tests.aws.conftest import Make


def both(asked: Mapping[str, Any]) -> list[bytes]:
    """A container for chats and for texts, as no real one is."""
    if "messages" in asked:
        text = asked["messages"][-1]["content"]
        return chat_parts(f"you said {text}", 3) if "tools" not in asked else tool_parts()
    texts = asked["inputs"] if isinstance(asked["inputs"], list) else [asked["inputs"]]
    return [json.dumps([[float(len(t)), 1.0] for t in texts]).encode()]


def tool_parts() -> list[bytes]:
    call = {"index": 0, "id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}
    events = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    return [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]


@pytest.fixture
def platform(aws: FakeAws, make: Make) -> AwsPlatform:
    aws.engine = Canned(both)
    made = make()
    made.beats.beat("test")
    return made


def llm(platform: AwsPlatform, **more: Any) -> ManagedLLM:
    return ManagedLLM("qwen3-0.6b", platform=platform, progress="off", **more)


def test_invoke_stream_and_their_twins(platform: AwsPlatform) -> None:
    model = llm(platform)
    assert model.invoke("hi").content == "you said hi" * 3
    assert model.invoke("hi").usage_metadata["total_tokens"] == 6  # type: ignore[index]
    chunks = list(model.stream("hi"))
    assert "".join(str(chunk.content) for chunk in chunks) == "you said hi" * 3

    async def run() -> list[str]:
        answers = await asyncio.gather(*(model.ainvoke(str(i)) for i in range(20)))
        return [str(answer.content) for answer in answers]

    assert asyncio.run(run()) == [f"you said {i}" * 3 for i in range(20)]
    status = model.resource.status()
    assert status.phase == "ready"
    assert status.price == pytest.approx(1.408)


def test_the_engines_own_tool_calls_are_used(platform: AwsPlatform) -> None:
    def add(a: int) -> int:
        """Add."""
        return a

    [call] = llm(platform).bind_tools([add]).invoke("add").tool_calls  # type: ignore[attr-defined]
    assert (call["name"], call["args"]) == ("add", {"a": 1})


def test_on_cold_raise_says_when(platform: AwsPlatform) -> None:
    with pytest.raises(ResourceWarming):
        llm(platform, on_cold="raise").invoke("hi")


def test_embeddings_come_in_order_and_many_at_once(aws: FakeAws, platform: AwsPlatform) -> None:
    embeddings = ManagedEmbeddings("minilm", platform=platform, batch_size=8, progress="off")
    texts = ["x" * n for n in range(1, 100)]
    found = embeddings.embed_documents(texts)
    assert [round(row[0] / row[1]) for row in found] == list(range(1, 100))
    assert asyncio.run(embeddings.aembed_documents(texts)) == found
    assert embeddings.dimension == 384
    assert embeddings.resource.status().phase == "ready"
    assert embeddings.embed_documents([]) == []


def test_a_history_is_kept_in_a_table(platform: AwsPlatform) -> None:
    history = ChatHistory("s", platform=platform)
    assert history.messages == []
    history.add_messages([HumanMessage("hello")])
    assert [m.content for m in ChatHistory("s", platform=platform).messages] == ["hello"]


def test_a_chain_is_warmed_in_parallel(aws: FakeAws, platform: AwsPlatform) -> None:
    model = llm(platform)
    embeddings = ManagedEmbeddings("minilm", platform=platform, progress="off")
    assert [each.phase for each in warm(model, embeddings)] == ["ready", "ready"]
    assert len(aws.sagemaker.endpoints) == 2


def test_an_existing_endpoint_is_used_and_never_ended(
    aws: FakeAws, platform: AwsPlatform, clock: Turned
) -> None:
    llm(platform).invoke("hi")
    [name] = aws.sagemaker.endpoints
    model = ManagedLLM(platform=platform, aws={"endpoint_name": name})
    assert model.invoke("hi").content == "you said hi" * 3
    assert model.resource.status().phase == "not ours"
    with pytest.raises(ConfigurationError, match="existed before"):
        model.resource.stop()


def test_a_vanished_endpoint_is_brought_back_once(aws: FakeAws, platform: AwsPlatform) -> None:
    model = llm(platform)
    model.invoke("hi")
    [name] = list(aws.sagemaker.endpoints)
    del aws.sagemaker.endpoints[name]  # a person, in the console
    assert model.invoke("hi").content == "you said hi" * 3
    [again] = aws.sagemaker.endpoints
    assert again != name


class Refusing:
    """A container that refuses once it has a body of a kind."""

    def __init__(self, status: int, text: str, after: int = 1) -> None:
        self.status, self.text, self.left = status, text, after

    def answer(self, body: bytes) -> Any:
        self.left -= 1
        if self.left >= 0:
            return Canned(both).answer(body)
        raise Refusal(self.status, self.text.encode())


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (400, '{"error": {"message": "maximum context length is 8192"}}', ContextOverflow),
        (429, '{"error": {"message": "busy"}}', RateLimited),
    ],
)
def test_what_the_container_says_comes_through(
    aws: FakeAws, platform: AwsPlatform, status: int, text: str, error: type[Exception]
) -> None:
    aws.engine = Refusing(status, text)
    with pytest.raises(error):
        llm(platform, max_retries=0).invoke("hi")


def test_what_is_transient_is_tried_again_and_what_is_not_is_not(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    model = llm(platform)
    model.invoke("hi")
    action = "sagemaker-runtime:InvokeEndpointWithResponseStream"
    aws.faults.clear()
    aws.faults.add(Fault(action, "throttled"), Fault(action, "5xx"))
    assert model.invoke("hi").content
    assert aws.faults.calls.count(action) == 3
    aws.faults.clear()
    aws.faults.add(Fault(action, "denied"))
    with pytest.raises(PermissionRefused, match="InvokeEndpoint"):
        model.invoke("hi")
    assert aws.faults.calls.count(action) == 1


def test_an_error_after_tokens_raises_and_is_not_tried_again(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    model = llm(platform)
    model.invoke("hi")
    aws.cut_streams = 1
    with pytest.raises(AnswerBroken, match="it broke"):
        list(model.stream("hi"))
    assert aws.cut_streams == 0


def test_an_unknown_name_lists_what_can_be_had(platform: AwsPlatform) -> None:
    with pytest.raises(UnknownModel, match="did you mean qwen3-8b"):
        ManagedLLM("qwen3-9b", platform=platform).invoke("hi")
    with pytest.raises(ConfigurationError, match="not known on aws"):
        ManagedLLM("qwen3-8b", platform=platform, aws={"instance_typ": "x"}).invoke("hi")


def test_options_of_aws_change_what_is_deployed(aws: FakeAws, platform: AwsPlatform) -> None:
    llm(platform, aws={"instance_type": "ml.g5.xlarge", "max_instances": 2}).invoke("hi")
    [config] = aws.sagemaker.configs.values()
    assert config.request["ProductionVariants"][0]["InstanceType"] == "ml.g5.xlarge"
    [target] = aws.services.targets.values()
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 2)
