"""The verbs of every `.resource` take the same words, and refuse what makes no sense."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk import ManagedLLM, ManagedVectorStore, awarm, warm
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.local import logs
from llmanager_sdk.local.rundir import RunDir
from llmanager_sdk.resource.base import Resource
from tests.cheap import Cheap


def server() -> Any:
    return ManagedLLM("m", endpoint_url="http://127.0.0.1:9/v1").resource


def store() -> Any:
    return ManagedVectorStore("s", Cheap()).resource


@pytest.mark.parametrize("make", [server, store])
def test_one_protocol(home: Path, make: Any) -> None:
    resource: Resource = make()
    assert resource.warm(force=True, wait_timeout=1).key == resource.status().key
    with pytest.raises(ConfigurationError, match="replace"):
        resource.replace(strategy="recreate", wait_timeout=1)
    with pytest.raises(ConfigurationError, match="replace"):
        asyncio.run(resource.areplace())


def test_a_store_is_stopped_as_a_model_is(home: Path) -> None:
    assert store().stop(wait=False, force=True).kind == "dataset"


def test_what_existed_before_is_not_ended() -> None:
    for verb, how in (("stop", {"wait": False}), ("destroy", {"yes": True}), ("pin", {})):
        with pytest.raises(ConfigurationError, match="existed before"):
            getattr(server(), verb)(*(["1m"] if verb == "pin" else []), **how)
    assert server().openai_client_settings(hold="1m").base_url == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("thing", ["smollm2-135m", ManagedLLM, 3])
def test_warm_says_so_where_there_is_nothing_to_warm(thing: object) -> None:
    with pytest.raises(ConfigurationError, match="nothing to warm"):
        warm(thing)
    with pytest.raises(ConfigurationError, match="nothing to warm"):
        asyncio.run(awarm(thing))


def test_logs_of_one_key_are_forgotten_and_no_others(tmp_path: Path) -> None:
    gone, other, kept, held = (
        tmp_path / f"main-{name}" for name in ("chat-1-0a", "chat-1-2-0b", "chat-3-0c", "chat-4-0d")
    )
    for each in (gone, other, kept, held):
        each.mkdir()
    assert RunDir(held).claim() is not None
    logs.forget(tmp_path, {held.name, kept.name}, {kept.name})
    assert sorted(tmp_path.iterdir()) == sorted([other, kept, held])
