"""The verbs of `.resource`, waiting and not waiting, stand-ins, progress: on the real engine."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda

from llmanager_sdk import ManagedEmbeddings, ManagedLLM, ManagedVectorStore, awarm, warm
from llmanager_sdk.core.ports import Progress
from llmanager_sdk.errors import (
    ConfigurationError,
    NotRunning,
    ResourceError,
    ResourceWarming,
    SpecChanged,
    WaitTimeout,
)
from tests.cheap import Cheap
from tests.conftest import processes
from tests.local import scenes

pytestmark = pytest.mark.xdist_group("engines")


def llm(**options: Any) -> ManagedLLM:
    return ManagedLLM(
        **{"idle_timeout": 60, "max_tokens": 4, "temperature": 0, "progress": "off"} | options
    )


def test_nothing_exists_before_the_first_use(home: Path) -> None:
    model = llm()
    assert "not used yet" in repr(model)
    assert model.resource.status().phase == "cold"
    assert model.resource.logs() == ""
    assert not processes(home)
    assert not (home / "registry.sqlite").exists()
    with pytest.raises(NotRunning, match="no live resource"):
        model.resource.pin("1m")


def test_the_verbs(home: Path) -> None:
    model = llm()
    assert model.resource.warm().phase == "ready"
    assert "ready" in repr(model)
    status = model.resource.status()
    assert (status.kind, status.platform, status.served) == ("model", "local", "smollm2-135m")
    assert "unless it is used" in status.leaves
    assert "pinned" in model.resource.pin("10m").leaves
    assert "pinned" not in model.resource.pin(0).leaves
    with pytest.raises(ResourceError, match="30 is the most"):
        model.resource.pin("31d")
    assert "host" in model.resource.logs(200)
    with pytest.raises(ConfigurationError, match="yes=True"):
        model.resource.destroy()
    assert model.resource.stop().phase == "cold"
    assert not processes(home)
    assert model.invoke("hello").text
    assert asyncio.run(model.resource.adestroy(yes=True)).phase == "cold"
    assert asyncio.run(model.resource.astatus()).phase == "cold"


def test_stop_waits_for_an_open_stream_unless_it_is_forced(home: Path) -> None:
    model = llm(max_tokens=600)
    stream = model.stream(scenes.PROMPT)
    next(stream)
    assert model.resource.stop(wait=False).phase == "stopping"
    assert len(list(stream)) > 20
    assert scenes.until(lambda: not processes(home), 60) < 60

    stream = model.stream(scenes.PROMPT)
    next(stream)
    model.resource.stop(force=True)
    assert not processes(home)
    with pytest.raises(Exception, match="cut off"):
        list(stream)


def test_on_cold_raise_brings_it_up_behind_the_caller(home: Path) -> None:
    model = llm(on_cold="raise")
    with pytest.raises(ResourceWarming) as caught:
        model.invoke("hello")
    assert caught.value.estimate_s is None
    assert scenes.until(lambda: model.resource.status().phase == "ready", 60) < 60
    assert model.invoke("hello").text
    model.resource.stop()
    with pytest.raises(ResourceWarming) as again:
        asyncio.run(model.ainvoke("hello"))
    assert again.value.estimate_s is not None
    fallback = model.with_fallbacks([RunnableLambda(lambda _: "later")])
    model.resource.stop()
    assert fallback.invoke("hello") == "later"


def test_a_wait_that_is_too_short_is_an_error_and_the_start_goes_on(home: Path) -> None:
    with pytest.raises(WaitTimeout, match="wait_timeout"):
        llm(wait_timeout=0.01).invoke("hello")
    assert llm().invoke("hello").text
    assert scenes.hosts_started(home) == 1


def test_a_cancelled_caller_leaves_the_others_waiting(home: Path) -> None:
    model = llm()

    async def crowd() -> list[Any]:
        tasks = [asyncio.create_task(model.ainvoke("hello")) for _ in range(3)]
        await asyncio.sleep(0.2)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    cancelled, *answers = asyncio.run(crowd())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert all(answer.text for answer in answers)
    assert scenes.hosts_started(home) == 1


def test_ctrl_c_stops_waiting_says_what_goes_on_and_the_next_use_takes_over(home: Path) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.phase == "starting":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        llm(progress=interrupt).resource.warm()
    assert "llmanager stop" in " ".join(caught.value.__notes__)
    assert llm().invoke("hello").text
    assert scenes.hosts_started(home) == 1


def test_two_specs_of_one_name_and_a_replacement(home: Path) -> None:
    old = llm(deployment="mine", context=1024)
    old.invoke("hello")
    new = llm(deployment="mine", context=2048)
    with pytest.raises(SpecChanged, match="1024"):
        new.invoke("hello")
    assert new.resource.replace().details["context"] == 2048
    assert new.invoke("hello").text
    assert scenes.until(lambda: len(processes(home)) == 2, 60) < 60


def test_a_stand_in_is_a_choice_that_is_always_shown(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMANAGER_LOCAL_MODEL", "smollm2-135m")
    seen: list[Progress] = []
    model = llm(model="mistral-7b", progress=seen.append)
    answer = model.invoke("hello")
    assert answer.response_metadata["model_name"] == "mistral-7b"
    assert answer.response_metadata["stand_in"] == "smollm2-135m"
    assert "smollm2-135m stands in" in repr(model)
    status = model.resource.status()
    assert status.stand_in
    assert "stands in for mistral-7b" in str(status)
    assert seen[-1].phase == "ready"


def test_progress_reaches_a_callback_and_a_chain(home: Path) -> None:
    chain = llm() | StrOutputParser()

    async def names() -> set[str]:
        events = chain.astream_events("hello", version="v2")
        return {event["name"] async for event in events}

    assert "llmanager_progress" in asyncio.run(names())


def test_warm_brings_up_a_whole_chain(home: Path) -> None:
    store = ManagedVectorStore("s", ManagedEmbeddings())
    model = llm()
    chain = {"context": store.as_retriever(), "question": RunnableLambda(str)} | (
        RunnableLambda(str) | model
    )
    found = {status.kind: status.phase for status in warm(chain)}
    assert found["model"] == "ready"
    assert found["dataset"] == "empty"
    assert [x.phase for x in asyncio.run(awarm(model, store.embeddings))] == ["ready", "in process"]
    with pytest.raises(ConfigurationError, match="nothing to warm"):
        warm(Cheap())


def test_another_model_for_one_call(home: Path) -> None:
    path = str(next((home / "models").glob("*.gguf")))
    answer = llm().invoke("hello", model=path)
    assert answer.response_metadata["model_name"] == Path(path).stem


def test_a_stream_whose_loop_was_closed_is_counted_out(home: Path) -> None:
    model = llm(max_tokens=50)

    async def first() -> Any:
        stream = model.astream(scenes.PROMPT)
        await anext(stream)
        return stream

    loop = asyncio.new_event_loop()
    stream = loop.run_until_complete(first())
    assert model.resource.status().open_calls == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loop.close()
        del stream, loop
        gc.collect()
        assert model.resource.status().open_calls == 0
        assert asyncio.run(model.ainvoke("hello")).text  # which ends the connections of that loop
        gc.collect()


def test_a_forked_child_does_not_count_its_parents_stream_out(home: Path) -> None:
    model = llm(max_tokens=20)
    streams = [model.stream("hello")]
    next(streams[0])
    child = os.fork()
    if not child:
        streams.clear()
        os._exit(model.resource.status().open_calls & 0xFF)
    _, code = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(code) == 0
    assert list(streams[0])
    assert model.resource.status().open_calls == 0
