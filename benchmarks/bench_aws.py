"""What the platform aws costs beyond AWS's own time, against boto3 and langchain-aws.

CPU time of this process unless the row says wall; everybody talks to the same canned runtime, and
histories to the same DynamoDB Local.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.bench_aws_history import history_rows
from benchmarks.canned_platform import CannedAws
from benchmarks.canned_server import canned
from benchmarks.harness import Row, cpu_rounds, crowd_seconds

TEXTS = [f"text number {i} about something" for i in range(1000)]


def rows() -> Iterator[Row]:
    """Calls, streams, a crowd, embeddings, histories, warming."""
    from llmanager_sdk import ManagedEmbeddings, ManagedLLM

    with canned() as url, tempfile.TemporaryDirectory() as home:
        platform = CannedAws(url, Path(home))
        ours = ManagedLLM(platform=platform, progress="off")
        client = _client(url)
        theirs = _peer(client)
        yield from _calls(ours, client, theirs)
        embeddings = ManagedEmbeddings(platform=platform, progress="off")
        yield _embedding(embeddings, client)
    yield from history_rows()
    yield warming()


def _client(url: str) -> Any:
    import boto3

    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=url.removesuffix("/v1"),
        region_name="us-east-1",
        aws_access_key_id="fake",
        aws_secret_access_key="fake",
    )


def _peer(client: Any) -> Any:
    """langchain-aws, with the content handler that its own documentation shows for this form."""
    from langchain_aws.chat_models.sagemaker_endpoint import (
        ChatModelContentHandler,
        ChatSagemakerEndpoint,
    )
    from langchain_core.messages import AIMessage, AIMessageChunk

    class Handler(ChatModelContentHandler):
        content_type = "application/json"
        accepts = "application/json"

        def transform_input(self, prompt: Any, model_kwargs: Any) -> bytes:
            return json.dumps({"messages": prompt, **model_kwargs}).encode()

        def transform_output(self, output: Any) -> Any:
            if isinstance(output, bytes):
                text = output.decode().strip().removeprefix("data: ")
                if not text or text == "[DONE]":
                    return AIMessageChunk("")
                choices = json.loads(text)["choices"]
                return AIMessageChunk(choices[0]["delta"].get("content", "") if choices else "")
            return AIMessage(json.loads(output.read())["choices"][0]["message"]["content"])

    return ChatSagemakerEndpoint(endpoint_name="canned", client=client, content_handler=Handler())


def _calls(ours: Any, client: Any, theirs: Any) -> Iterator[Row]:
    body = json.dumps({"messages": [{"role": "user", "content": "hello"}]}).encode()

    def plain() -> None:
        answer = client.invoke_endpoint(
            EndpointName="canned", Body=body, ContentType="application/json"
        )
        json.loads(answer["Body"].read())

    jobs = [lambda: ours.invoke("hello"), plain, lambda: theirs.invoke("hello")]
    for job in jobs:
        job()
    mine, boto, peer = cpu_rounds(jobs, 60, 6)
    yield Row("warm invoke", mine * 1e6, boto * 1e6, "boto3 invoke_endpoint", "us CPU", 0.75)
    yield Row("warm invoke", mine * 1e6, peer * 1e6, "ChatSagemakerEndpoint", "us CPU", 0.55)
    mine, peer = cpu_rounds(
        [lambda: list(ours.stream("chunks 500")), lambda: list(theirs.stream("chunks 500"))], 20, 1
    )
    yield Row("500 chunks", mine * 1e3, peer * 1e3, "ChatSagemakerEndpoint", "ms CPU", 0.5)

    yield Row("200 ainvoke of 1 s", crowd_seconds(ours), None, "", "s wall", 1.3)


def _embedding(ours: Any, client: Any) -> Row:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_community.embeddings import SagemakerEndpointEmbeddings
        from langchain_community.embeddings.sagemaker_endpoint import EmbeddingsContentHandler

        class Handler(EmbeddingsContentHandler):
            content_type = "application/json"
            accepts = "application/json"

            def transform_input(self, inputs: Any, model_kwargs: Any) -> bytes:
                return json.dumps({"inputs": inputs}).encode()

            def transform_output(self, output: Any) -> Any:
                return json.loads(output.read())

        theirs = SagemakerEndpointEmbeddings(
            endpoint_name="canned", client=client, content_handler=Handler()
        )
    assert len(ours.embed_documents(TEXTS)) == len(theirs.embed_documents(TEXTS)) == 1000
    pairs = [
        (_wall(lambda: ours.embed_documents(TEXTS)), _wall(lambda: theirs.embed_documents(TEXTS)))
        for _ in range(7)
    ]
    mine, peer = (statistics.median(times) for times in zip(*pairs, strict=True))
    name = "1,000 texts at 50 ms latency"
    return Row(name, mine, peer, "SagemakerEndpointEmbeddings", "s wall", 0.125)


def _wall(job: Any) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def warming() -> Row:
    """A language model and an embedder, 300 s each to create, in the account's own time."""
    from llmanager_sdk import ManagedEmbeddings, ManagedLLM, warm
    from llmanager_sdk.aws.platform import AwsPlatform
    from llmanager_sdk.settings import Settings
    from llmanager_sdk.testing.aws import Canned, FakeAws, Rules
    from tests.aws.clocks import Fast
    from tests.aws.flows import ROLE
    from tests.aws.test_faces import both
    from tests.servers.dynamodb import dynamodb_local

    clock = Fast()
    with dynamodb_local() as url, tempfile.TemporaryDirectory() as home:
        rules = Rules(creating=300.0)
        with FakeAws(Canned(both), dynamodb=url, rules=rules, clock=clock) as aws:
            settings = Settings(namespace="warming", role=ROLE, home=Path(home), cap=50.0)
            platform = AwsPlatform(
                settings, session=aws.session(), clock=clock, show=lambda plan: None
            )
            platform.beats.beat("bench", 1e6)
            told = {"platform": platform, "progress": "off"}
            alone = [
                _timed(clock, lambda: warm(ManagedLLM("qwen3-0.6b", deployment="a", **told))),
                _timed(clock, lambda: warm(ManagedEmbeddings("minilm", deployment="b", **told))),
            ]
            chain = [
                ManagedLLM("qwen3-0.6b", deployment="c", **told),
                ManagedEmbeddings("minilm", deployment="d", **told),
            ]
            together = _timed(clock, lambda: warm(*chain))
            platform.keeper.forget()
    return Row("warming both", together, max(alone), "the slower one alone", "s", 1.05)


def _timed(clock: Any, job: Any) -> float:
    began = clock.monotonic()
    job()
    return float(clock.monotonic() - began)
