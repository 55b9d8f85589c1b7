"""Addresses and keys for OpenAI's clients: what they open, for how long, and what holds it."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from llmanager_sdk import ManagedEmbeddings, ManagedLLM, ResourceWarming
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import Refused, Timeouts
from llmanager_sdk.resource.openai import ClientSettings
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.clocks import Turned
from tests.aws.conftest import Make
from tests.aws.flows import reap
from tests.handlers import Shouting

BODY = json.dumps({"messages": [{"role": "user", "content": "hi"}], "model": ""}).encode()
MOST_CALL_S = 600.0


@pytest.fixture
def platform(make: Make) -> AwsPlatform:
    made = make()
    made.beats.beat("test")
    return made


def llm(platform: Any, **more: Any) -> ManagedLLM:
    return ManagedLLM("qwen3-0.6b", platform=platform, progress="off", **more)


def ask(found: ClientSettings, path: str = "/chat/completions") -> bytes:
    """As OpenAI's own client does it."""
    headers = {"Authorization": f"Bearer {found.api_key}", "Content-Type": "application/json"}
    return sync.request("POST", found.base_url + path, BODY, headers, Timeouts())


def lasts(found: ClientSettings) -> int:
    """For how many seconds its token was signed."""
    text = base64.b64decode(found.api_key.removeprefix("sagemaker-api-key-")).decode()
    return int(parse_qs(urlsplit(f"https://{text}").query)["X-Amz-Expires"][0])


def used_until(platform: AwsPlatform, model: ManagedLLM) -> float:
    slot = platform.keeper.engine.registry.read(model.resource.status().key)
    return slot.lives[-1].used_until


def test_it_is_brought_up_and_answers_a_client_that_knows_only_url_and_key(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    model = llm(platform)
    found = model.resource.openai_client_settings()
    [name] = aws.sagemaker.endpoints
    assert found.base_url == f"{aws.url}/endpoints/{name}/openai/v1"
    assert found.client() == {"base_url": found.base_url, "api_key": found.api_key}
    assert found.model == ""
    assert b"hello" in ask(found)
    assert found.api_key not in repr(found)


def test_nothing_else_is_behind_the_key(platform: AwsPlatform) -> None:
    found = llm(platform).resource.openai_client_settings()
    with pytest.raises(Refused) as caught:
        ask(found, "/embeddings")
    assert caught.value.status == 404
    plain = ClientSettings(found.base_url, "sk-mine", "", 0.0, 0.0)
    with pytest.raises(Refused) as caught:
        ask(plain)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("idle", "hold", "calls_for"),
    [
        ("2h", None, 7200 - MOST_CALL_S),
        ("1m", None, 900 - MOST_CALL_S),  # a term is at least half as long again as a call
        ("1m", "2h", 7200),
        ("1m", "12h", 12 * 3600),
        ("20h", None, 12 * 3600),  # the longest that a token is good for
    ],
)
def test_the_key_ends_before_the_lease_so_that_its_last_call_is_safe(
    platform: AwsPlatform, clock: Turned, idle: str, hold: str | None, calls_for: float
) -> None:
    model = llm(platform, idle_timeout=idle)
    found = model.resource.openai_client_settings(hold=hold)
    assert lasts(found) == pytest.approx(calls_for)
    assert found.expires_at == pytest.approx(clock.now + calls_for)
    assert found.held_until == used_until(platform, model)
    assert found.expires_at + MOST_CALL_S <= found.held_until + 1


def test_the_lease_is_recorded_anew_by_each_question(platform: AwsPlatform, clock: Turned) -> None:
    model = llm(platform, idle_timeout="1h")
    first = model.resource.openai_client_settings()
    clock.now += 60  # too short a time for a renewal of the usual sort
    again = model.resource.openai_client_settings()
    assert again.held_until == pytest.approx(first.held_until + 60)


def test_neither_a_reaper_nor_the_end_of_a_block_ends_it_before_its_time(
    aws: FakeAws, platform: AwsPlatform, make: Make, clock: Turned
) -> None:
    with llm(platform, idle_timeout="1m") as model:
        found = model.resource.openai_client_settings(hold="1h")
    assert len(aws.sagemaker.billed()) == 1
    clock.now = found.held_until
    reap(make())
    assert len(aws.sagemaker.billed()) == 1
    clock.now = found.held_until + 200
    for _ in range(3):
        reap(make())
        clock.now += 300
    assert aws.sagemaker.billed() == []


def test_a_stop_waits_for_calls_that_this_process_does_not_see(
    aws: FakeAws, platform: AwsPlatform, make: Make, clock: Turned
) -> None:
    lent, plain = llm(platform), llm(platform, deployment="plain")
    lent.resource.openai_client_settings()
    plain.invoke("hi")
    for each in (lent, plain):
        each.resource.stop(wait=False)
    clock.now += 1
    for _ in range(2):
        reap(make())
    states = {name.split("-")[2]: it.status for name, it in aws.sagemaker.endpoints.items()}
    assert states == {"qwen3": "InService", "plain": "Deleting"}


def test_after_a_stop_by_somebody_else_it_is_a_new_endpoint(
    aws: FakeAws, platform: AwsPlatform, make: Make, clock: Turned
) -> None:
    model = llm(platform)
    first = model.resource.openai_client_settings()
    llm(make()).resource.stop(force=True)
    again = model.resource.openai_client_settings()
    assert again.base_url != first.base_url
    assert b"hello" in ask(again)


def test_on_cold_and_its_twin(platform: AwsPlatform) -> None:
    with pytest.raises(ResourceWarming):
        llm(platform, on_cold="raise", deployment="cold").resource.openai_client_settings()
    found = asyncio.run(llm(platform).resource.aopenai_client_settings(hold="1h"))
    assert lasts(found) == 3600


def test_credentials_that_end_sooner_end_the_key(aws: FakeAws, make: Make, clock: Turned) -> None:
    session = aws.session()
    platform = make(session)
    platform.beats.beat("test")
    ends = datetime.now(UTC) + timedelta(seconds=1000)
    session.get_credentials()._expiry_time = ends
    found = llm(platform).resource.openai_client_settings()
    assert lasts(found) <= 1000
    assert found.expires_at <= clock.now + 1000
    assert platform.account.credentials_last() <= ends.timestamp() - time.time() + 1


def test_an_endpoint_that_exists_is_held_by_nobody_of_ours(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    llm(platform).invoke("hi")
    [name] = aws.sagemaker.endpoints
    theirs = ManagedLLM(platform=platform, aws={"endpoint_name": name})
    found = theirs.resource.openai_client_settings()
    assert (lasts(found), found.held_until) == (12 * 3600, math.inf)
    assert b"hello" in ask(found)


@pytest.mark.parametrize("hold", ["13h", 0, -1, "soon"])
def test_a_hold_that_makes_no_sense(platform: AwsPlatform, hold: Any) -> None:
    with pytest.raises(ConfigurationError, match="hold"):
        llm(platform).resource.openai_client_settings(hold=hold)


def test_who_speaks_no_chat_is_refused_before_anything_is_started(
    aws: FakeAws, platform: AwsPlatform
) -> None:
    embeddings = ManagedEmbeddings("minilm", platform=platform)
    own = llm(platform, content_handler=Shouting())
    for each in (embeddings.resource, own.resource):
        with pytest.raises(ConfigurationError, match="not called as OpenAI's chat models are"):
            each.openai_client_settings()  # type: ignore[attr-defined]
    assert aws.sagemaker.endpoints == {}


def test_on_local_it_is_the_engine_itself(home: Path) -> None:
    with ManagedLLM(max_tokens=4, idle_timeout="1m", progress="off") as model:
        found = model.resource.openai_client_settings()
        assert found.base_url.startswith("http://127.0.0.1:")
        assert found.model == "smollm2-135m"
        assert found.expires_at == found.held_until == pytest.approx(time.time() + 60, abs=30)
        body = json.dumps(
            {"model": found.model, "max_tokens": 4, "messages": [{"role": "user", "content": "x"}]}
        ).encode()
        headers = {"Authorization": f"Bearer {found.api_key}", "Content-Type": "application/json"}
        answer = sync.request(
            "POST", found.base_url + "/chat/completions", body, headers, Timeouts()
        )
        assert json.loads(answer)["choices"][0]["message"]["content"]
        with pytest.raises(Refused):
            sync.request(
                "POST",
                found.base_url + "/chat/completions",
                body,
                {"Content-Type": "x"},
                Timeouts(),
            )
        model.resource.stop(force=True)


def test_elsewhere_it_is_what_was_given() -> None:
    model = ManagedLLM("m", endpoint_url="http://127.0.0.1:9/v1/", api_key="sk")
    found = model.resource.openai_client_settings()
    assert found.client() == {"base_url": "http://127.0.0.1:9/v1", "api_key": "sk"}
    assert (found.model, found.expires_at) == ("m", math.inf)
    assert asyncio.run(model.resource.aopenai_client_settings()).client() == found.client()
