"""A call that was counted in is counted out, whatever happens between the two."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path

import pytest

from llmanager_sdk.core.life import Life, Slot
from llmanager_sdk.core.ports import Progress
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.errors import StartFailed
from llmanager_sdk.local.platform import LocalPlatform
from llmanager_sdk.ports.models import ChatModel, Endpoint
from llmanager_sdk.resource.model import ModelResource, model_link
from llmanager_sdk.settings import Settings

SPEC = spec_of("model", "k", {})


class Up(LocalPlatform):
    """One model that is ready; how its address is found is up to the test."""

    def __init__(self, home: Path) -> None:
        super().__init__(Settings(home=home))
        engine = self.keeper.engine
        life = Life(1, SPEC, {"run": "r"}, "ready", used_until=engine.clock.time() + 600)
        assert engine.registry.swap(Slot("k"), Slot("k", next_gen=2, lives=(life,)))
        self.found = threading.Event()
        self.found.set()

    def chat(self, *_: object) -> ChatModel:
        return ChatModel("m", "m", SPEC, 100)

    def endpoint(self, life: Life) -> Endpoint:
        self.found.wait(20)
        return Endpoint("http://127.0.0.1:9/v1")

    def link(self, progress: object = "off") -> ModelResource:
        return model_link(platform=self, progress=progress)  # type: ignore[arg-type]

    @property
    def open_calls(self) -> int:
        return self.keeper.open_calls("k")


class Interrupted(BaseException):
    """As a Ctrl-C is."""


def interrupt(progress: Progress) -> None:
    if progress.phase == "ready":
        raise Interrupted


def raise_error(progress: Progress) -> None:
    raise RuntimeError(progress.phase)


async def use(link: ModelResource) -> None:
    async with link.acall():
        pass


def test_who_is_interrupted_by_the_last_word_is_counted_out(tmp_path: Path) -> None:
    up = Up(tmp_path)
    for verb in (up.link(interrupt).warm, lambda: up.link(interrupt).call().__enter__()):
        up.keeper.close("k")  # so that there is something to tell
        with pytest.raises(Interrupted) as caught:
            verb()
        assert caught.value.__traceback__  # it holds the frames, and what is in them
        assert up.open_calls == 0
    up.keeper.close("k")
    with pytest.raises(Interrupted) as caught:
        asyncio.run(use(up.link(interrupt)))
    assert up.open_calls == 0


def test_a_listener_of_one_call_that_raises_breaks_nothing(tmp_path: Path) -> None:
    up = Up(tmp_path)
    with up.link().call(raise_error) as endpoint:
        assert endpoint.gen == 1
        assert up.open_calls == 1
    assert up.open_calls == 0


def test_who_is_cancelled_while_the_address_is_looked_up_is_counted_out(tmp_path: Path) -> None:
    up = Up(tmp_path)
    up.found.clear()

    async def cancelled() -> int:
        task = asyncio.create_task(use(up.link()))
        while not up.open_calls:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        still = up.open_calls
        up.found.set()
        return still

    assert asyncio.run(cancelled()) == 0
    gc.collect()
    assert up.open_calls == 0


def test_an_address_that_cannot_be_found_is_counted_out(tmp_path: Path) -> None:
    up = Up(tmp_path)

    def fail(life: Life) -> Endpoint:
        raise StartFailed("no")

    up.endpoint = fail  # type: ignore[method-assign]
    with pytest.raises(StartFailed), up.link().call():
        pass
    assert up.open_calls == 0
