"""The two drivers: what they do with results, errors and sleep."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from llmanager_sdk.core.async_driver import arun
from llmanager_sdk.core.drivers import Effect, Sleep, Steps, run
from llmanager_sdk.testing.clock import VirtualClock

CLOSED: list[str] = []


def steps(call: Callable[[], Any], pause: float = 0.0) -> Steps[str]:
    try:
        try:
            first = yield Effect("one", call)
        except ValueError as error:
            first = f"caught {error}"
        slept = yield Sleep(pause)
        assert slept is None
        second = yield Effect("two", lambda: "b")
        return f"{first} {second}"
    finally:
        CLOSED.append("closed")


def fails(error: BaseException) -> Callable[[], Any]:
    def call() -> None:
        raise error

    return call


def both(call: Callable[[], Any], pause: float = 0.0) -> list[str]:
    clock = VirtualClock()
    began = clock.time()
    sync = run(steps(call, pause), clock)
    assert clock.time() == began + pause
    return [sync, asyncio.run(arun(steps(call, 0.0)))]


def test_results_go_back_in_and_the_last_one_comes_out() -> None:
    assert both(lambda: "a", 5.0) == ["a b", "a b"]


def test_errors_are_raised_where_the_effect_was_asked_for() -> None:
    assert both(fails(ValueError("no"))) == ["caught no b", "caught no b"]


def test_an_error_that_nobody_catches_comes_out_and_closes() -> None:
    for go in (
        lambda: run(steps(fails(KeyError("x"))), VirtualClock()),
        lambda: asyncio.run(arun(steps(fails(KeyError("x"))))),
    ):
        CLOSED.clear()
        with pytest.raises(KeyError):
            go()
        assert CLOSED == ["closed"]


def test_an_interrupt_leaves_at_once_and_closes() -> None:
    CLOSED.clear()
    with pytest.raises(KeyboardInterrupt):
        run(steps(fails(KeyboardInterrupt())), VirtualClock())
    assert CLOSED == ["closed"]


async def test_the_event_loop_is_free_while_a_call_blocks() -> None:
    gate, loop = threading.Event(), asyncio.get_running_loop()

    def blocks() -> str:
        loop.call_soon_threadsafe(gate.set)  # only a free loop can open it
        assert gate.wait(30)
        return "a"

    assert await arun(steps(blocks)) == "a b"


async def test_a_cancelled_caller_closes_its_steps() -> None:
    CLOSED.clear()
    gate, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def blocks() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(30)

    task = asyncio.create_task(arun(steps(blocks)))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert CLOSED == ["closed"]
    gate.set()
