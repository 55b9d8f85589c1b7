"""Weights that are not on this machine: who only asks fetches nothing, and who waits may stop."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from llmanager_sdk import ManagedLLM
from llmanager_sdk.core.life import Life, Slot
from llmanager_sdk.core.ports import Progress
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.errors import NotRunning, ResourceWarming, UnknownModel, WaitTimeout
from llmanager_sdk.local.chat_models import resolve
from llmanager_sdk.local.platform import LocalPlatform
from llmanager_sdk.ports.models import ChatModel
from llmanager_sdk.registry.sqlite import SqliteRegistry
from llmanager_sdk.resource.model import ModelResource, model_link
from llmanager_sdk.settings import Settings
from tests.conftest import make_home
from tests.local import scenes


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without weights; nobody can fetch any."""
    monkeypatch.setenv("LLMANAGER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path / "home"


@pytest.mark.parametrize("name", [None, "some/repository", "qwen3-0.6b"])
def test_who_only_asks_fetches_nothing(bare: Path, name: str | None) -> None:
    model = ManagedLLM(name, idle_timeout=60, progress="off").resource
    status = model.status()
    assert (status.phase, status.asked) == ("cold", name or "smollm2-135m")
    assert (status.idle_timeout, status.open_calls) == (60, 0)
    assert "not on this machine" in status.details["weights"]
    assert model.stop().phase == "cold"
    assert model.destroy(yes=True).phase == "cold"
    assert model.logs() == ""
    with pytest.raises(NotRunning, match="no live resource"):
        model.pin("1m")
    assert not bare.exists()
    with pytest.raises(UnknownModel, match=r"could not be fetched|nor in reach"):
        model.warm()
    assert model.status().phase == "cold"


def test_what_still_runs_under_the_name_is_seen_and_ended(bare: Path) -> None:
    registry = SqliteRegistry(bare / "registry.sqlite", "main")
    life = Life(1, spec_of("model", "mine", {}), {"run": "main-mine-1-0a"}, "ready")
    assert registry.swap(Slot("mine"), Slot("mine", next_gen=2, lives=(life,)))
    model = ManagedLLM(deployment="mine", progress="off").resource
    assert model.status().phase == "vanished"
    assert model.stop().phase == "cold"
    assert not (bare / "models").exists()


def test_what_is_pinned_has_its_spec_before_it_is_here(bare: Path, weights: Path) -> None:
    settings = Settings(home=bare)
    before = resolve(None, None, {"slots": 2}, settings)
    make_home(bare, weights)
    after = resolve(None, None, {"slots": 2}, settings)
    assert before == after
    assert (before.fetch is None, after.fetch) == (False, None)


class Slow(LocalPlatform):
    """Its weights take as long as the test says; what they come to is what the test says, too."""

    def __init__(self, home: Path) -> None:
        super().__init__(Settings(home=home))
        self.here = threading.Event()
        self.fetched = 0
        self.error: Exception | None = None

    def fetch(self) -> None:
        self.fetched += 1
        self.here.wait(20)
        if self.error is not None:
            raise self.error

    def chat(self, *_: object) -> ChatModel:
        spec = spec_of("model", "k", {"file": "/no/such.gguf"})
        return ChatModel("m", "m", spec, 100, fetch=self.fetch)

    def link(self, **how: object) -> ModelResource:
        return model_link(platform=self, **{"progress": "off", **how})  # type: ignore[arg-type]


async def use(link: ModelResource) -> None:
    async with link.acall():
        pass


def test_who_does_not_wait_is_told_at_once_and_the_next_one_hears_what_went_wrong(
    tmp_path: Path,
) -> None:
    slow = Slow(tmp_path)
    link = slow.link(on_cold="raise")
    for _ in range(2):
        with pytest.raises(ResourceWarming, match="being fetched"), link.call():
            pass
        with pytest.raises(ResourceWarming, match="being fetched"):
            asyncio.run(use(link))
    assert slow.fetched == 1
    slow.error = UnknownModel("not in reach")
    slow.here.set()
    told: list[str] = []

    def tried() -> bool:
        try:
            with link.call():
                pass
        except UnknownModel as error:
            told.append(error.message)
        except ResourceWarming:
            pass
        return bool(told)

    assert scenes.until(tried, 20) < 20
    assert told == ["not in reach"]


def test_a_wait_for_weights_has_the_callers_limit(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    with pytest.raises(WaitTimeout, match="weights were not here"):
        slow.link().warm(wait_timeout=0.1)
    with pytest.raises(WaitTimeout, match="weights were not here"):
        asyncio.run(use(slow.link(wait_timeout=0.1)))
    assert slow.fetched == 1
    slow.here.set()


def test_who_is_cancelled_stops_waiting_and_the_fetch_goes_on(tmp_path: Path) -> None:
    slow = Slow(tmp_path)
    heard: list[Progress] = []

    async def cancelled() -> None:
        task = asyncio.create_task(use(slow.link(progress=heard.append)))
        while not heard:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert (heard[0].phase, heard[0].message) == ("resolving", "fetching its weights")
    assert slow.fetched == 1
    slow.here.set()
