"""Weights on the hub: their size, their door, the token; all of it before anything is created."""

from __future__ import annotations

from typing import Any

import pytest

from llmanager_sdk.aws.weights import Hub
from llmanager_sdk.core.life import Life
from llmanager_sdk.errors import ConfigurationError, PermissionMissing, UnknownModel
from tests.aws.flows import spec
from tests.aws.hub import CACHE, CONFIG, Answers, fake_hub, model

FILE = "/org/new/resolve/main/config.json"
OPEN: Answers = {"/api/models/org/new": model(BF16=1_700_000_000), FILE: (200, CONFIG)}
GATED = {"hub": "org/new", "gated": True}


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    return monkeypatch


def test_the_size_of_any_model_is_asked_once(tokens: pytest.MonkeyPatch) -> None:
    with fake_hub(OPEN) as hub:
        mine = Hub(address=hub.url)
        found = mine.facts("org/new")
        assert mine.facts("org/new") is found
        assert (found.params_b, found.layers, found.head_dim) == (1.7, 24, 64)
        assert [path for path, _ in hub.asked] == ["/api/models/org/new", FILE]
        assert hub.asked[0][1] == ""


def test_the_token_goes_with_the_question(tokens: pytest.MonkeyPatch) -> None:
    tokens.setenv("HF_TOKEN", "secret")
    with fake_hub(OPEN) as hub:
        Hub(address=hub.url).facts("org/new")
        assert {said for _, said in hub.asked} == {"Bearer secret"}


@pytest.mark.parametrize(
    ("answers", "with_token", "error", "says"),
    [
        ({}, False, UnknownModel, "shows no model org/new"),
        ({"/api/models/org/new": (401, {})}, False, UnknownModel, "status 401"),
        ({**OPEN, FILE: (403, {})}, True, PermissionMissing, "may not be loaded"),
        ({**OPEN, FILE: (500, {})}, False, ConfigurationError, "status 500"),
        ({**OPEN, FILE: (200, b"<html>")}, False, ConfigurationError, "gives no answer"),
        ({**OPEN, FILE: (200, {})}, False, ConfigurationError, "not that of a chat model"),
        ({**OPEN, FILE: (200, [])}, False, ConfigurationError, "does not say how large"),
        ({"/api/models/org/new": (200, {})}, False, ConfigurationError, "does not say how large"),
        ({"/api/models/org/new": (200, [])}, False, ConfigurationError, "gives no answer"),
    ],
)
def test_what_the_hub_does_not_say_is_an_error_with_a_way_out(
    tokens: pytest.MonkeyPatch,
    answers: Answers,
    with_token: bool,
    error: type[Exception],
    says: str,
) -> None:
    if with_token:
        tokens.setenv("HF_TOKEN", "secret")
    with fake_hub(answers) as hub, pytest.raises(error, match=says) as caught:
        Hub(address=hub.url).facts("org/new")
    assert caught.value.hint  # type: ignore[attr-defined]
    assert "secret" not in str(caught.value)


def test_a_hub_that_is_away_or_must_not_be_asked(tokens: pytest.MonkeyPatch) -> None:
    with fake_hub({}) as hub:
        url = hub.url
    for mine in (Hub(address=url), Hub(address=url, offline=True)):
        with pytest.raises(ConfigurationError, match="no instance type can be chosen") as caught:
            mine.facts("org/new")
        assert "instance_type" in caught.value.hint
        assert mine.licence({"hub": "org/new", "gated": False}) == ""


# -- licences


@pytest.mark.parametrize(
    "body", [{}, {"hub": ""}, {"hub": "Qwen/Qwen3-8B", "gated": False}, {"hub": "org/new"}]
)
def test_open_weights_need_nothing(tokens: pytest.MonkeyPatch, body: dict[str, Any]) -> None:
    with fake_hub(OPEN) as hub:
        assert Hub(address=hub.url).licence(body) == ""
        asked = [path for path, _ in hub.asked]
        assert asked == (["/api/models/org/new"] if body.get("hub") == "org/new" else [])


def test_gated_weights_need_a_token(tokens: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="gated, and no token is set") as caught:
        Hub(address="http://127.0.0.1:1").licence(GATED)
    assert "HF_TOKEN" in caught.value.hint


@pytest.mark.parametrize("name", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
@pytest.mark.parametrize(("status", "told"), [(200, "licence"), (307, "licence"), (500, "")])
def test_a_token_that_opens_the_door(
    tokens: pytest.MonkeyPatch, name: str, status: int, told: str
) -> None:
    tokens.setenv(name, "secret")
    with fake_hub({FILE: (status, CONFIG)}) as hub:
        assert Hub(address=hub.url).licence(GATED) == told
        assert hub.asked == [(FILE, "Bearer secret")]


@pytest.mark.parametrize("status", [401, 403])
def test_a_licence_that_was_not_accepted(tokens: pytest.MonkeyPatch, status: int) -> None:
    tokens.setenv("HF_TOKEN", "secret")
    with fake_hub({FILE: (status, {})}) as hub, pytest.raises(PermissionMissing) as caught:
        Hub(address=hub.url).licence(GATED)
    assert "accept the licence at" in caught.value.hint
    assert "secret" not in str(caught.value)


def test_a_model_that_the_catalog_does_not_know_is_looked_up(tokens: pytest.MonkeyPatch) -> None:
    gated = {"/api/models/org/new": model("manual", BF16=1)}
    with fake_hub(gated) as hub, pytest.raises(ConfigurationError, match="no token is set"):
        Hub(address=hub.url).licence({"hub": "org/new", "gated": False})


def test_the_container_gets_the_token_and_the_spec_does_not(tokens: pytest.MonkeyPatch) -> None:
    tokens.setenv("HF_TOKEN", "secret\n")
    life, mine = Life(1, spec(), {}), Hub()
    assert mine.token(life) == {"HF_TOKEN": "secret"}
    assert "secret" not in str(life)
    assert mine.token(Life(1, spec(hub=""), {})) == {}
    tokens.delenv("HF_TOKEN")
    assert mine.token(life) == {}


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (model(), False),
        (model("manual"), True),
        (model(private=True), True),
        ((200, {"gated": False}), True),
        ((500, {}), True),
    ],
)
def test_weights_that_the_hub_calls_open_go_without_a_token(
    tokens: pytest.MonkeyPatch, said: tuple[int, Any], sent: bool
) -> None:
    tokens.setenv("HF_TOKEN", "secret")
    life = Life(1, spec(hub="org/new", gated=False), {})
    with fake_hub({"/api/models/org/new": said}) as hub:
        mine = Hub(address=hub.url)
        assert mine.token(life), "nobody has said yet that they are open"
        mine.licence(life.spec.body)
        asked = len(hub.asked)
        assert bool(mine.token(life)) == sent
        assert len(hub.asked) == asked


def test_weights_that_the_catalog_calls_open_go_without_a_token(tokens: pytest.MonkeyPatch) -> None:
    tokens.setenv("HF_TOKEN", "secret")
    assert Hub().token(Life(1, spec(hub="Qwen/Qwen3-8B", gated=False), {})) == {}
    gated = spec(hub="meta-llama/Llama-3.1-8B-Instruct", gated=True)
    assert Hub().token(Life(1, gated, {})) == {"HF_TOKEN": "secret"}


# -- where answers lead


def test_a_file_is_where_its_address_leads_and_the_token_goes_along(
    tokens: pytest.MonkeyPatch,
) -> None:
    tokens.setenv("HF_TOKEN", "secret")
    with fake_hub(OPEN) as hub:
        assert Hub(address=hub.url).facts("org/new").layers == 24
        assert hub.led == [(CACHE + FILE, "Bearer secret")]


def test_a_stranger_gets_no_token(tokens: pytest.MonkeyPatch) -> None:
    tokens.setenv("HF_TOKEN", "secret")
    with fake_hub(OPEN) as hub, fake_hub(OPEN) as stranger:
        hub.files = stranger.url + CACHE
        assert Hub(address=hub.url).facts("org/new").layers == 24
        assert stranger.led == [(CACHE + FILE, "")]


def test_what_a_stranger_refuses_is_no_matter_of_a_licence(tokens: pytest.MonkeyPatch) -> None:
    tokens.setenv("HF_TOKEN", "secret")
    with fake_hub(OPEN) as hub, fake_hub({FILE: (403, {})}) as stranger:
        hub.files = stranger.url + CACHE
        assert Hub(address=hub.url).licence(GATED) == ""
        with pytest.raises(ConfigurationError, match="answers with status 403"):
            Hub(address=hub.url).facts("org/new")


def test_answers_that_lead_nowhere_come_to_an_end(tokens: pytest.MonkeyPatch) -> None:
    with fake_hub(OPEN) as hub:
        hub.files = ""
        with pytest.raises(ConfigurationError, match="more than 3 times"):
            Hub(address=hub.url).facts("org/new")
        assert len(hub.asked) == 1 + 1 + 3
