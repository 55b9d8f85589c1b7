"""One start per process: joining, leaving, interrupting, looking."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from llmanager_sdk.core.claims import Known
from llmanager_sdk.core.flight import FOREVER, Flight
from llmanager_sdk.core.ports import Progress
from llmanager_sdk.errors import ResourceError, ResourceWarming, StartFailed, WaitTimeout
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.stage import Stage
from tests.core.bench import bench, do, lives, sweep, want

WAIT = 30.0
"""How long a thread of a test may take, in seconds, before the test fails."""


class Gate:
    """Holds a start up at its first look, until it is let go."""

    def __init__(self, stage: Stage) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        observe = stage.kind.observe

        def gated(life: Any) -> Any:
            self.reached.set()
            assert self.open.wait(WAIT)
            return observe(life)

        stage.kind.observe = gated  # type: ignore[method-assign]


@contextmanager
def flying(stage: Stage) -> Iterator[tuple[Flight, Gate, list[Known | None]]]:
    """A start that is held up."""
    gate, landed = Gate(stage), list[Known | None]()
    actor = Actor(stage, "client")
    flight = Flight(actor.engine, want(stage), landed.append)
    assert gate.reached.wait(WAIT)
    try:
        yield flight, gate, landed
    finally:
        gate.open.set()


def ignore(progress: Progress) -> None:
    """Nobody listens."""


def in_thread(call: Any) -> tuple[threading.Thread, list[Any]]:
    """Run it beside; its result or error."""
    answers: list[Any] = []

    def go() -> None:
        try:
            answers.append(call())
        except BaseException as error:
            answers.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    return thread, answers


def test_all_who_wait_get_the_same_answer() -> None:
    stage = bench()
    with flying(stage) as (flight, gate, landed):
        others = []
        for _ in range(3):
            assert flight.board()
            others.append(in_thread(lambda: flight.join(FOREVER, ignore)))
        gate.open.set()
        known = flight.join(FOREVER, ignore)
        for thread, answers in others:
            thread.join(WAIT)
            assert answers == [known]
    assert landed == [known]
    assert not flight.board()


def test_who_waits_hears_of_progress_again_and_again() -> None:
    stage, told = bench(), list[Progress]()
    with flying(stage) as (flight, gate, _):

        def tell(progress: Progress) -> None:
            told.append(progress)
            if len(told) == 2:
                gate.open.set()

        assert flight.join(FOREVER, tell).life.gen == 1
    assert len(told) >= 2


def test_its_error_reaches_all_who_wait() -> None:
    stage = bench()
    stage.nature.fails = 1.0
    with flying(stage) as (flight, gate, landed):
        gate.open.set()
        with pytest.raises(StartFailed):
            flight.join(FOREVER, ignore)
    assert landed == [None]


def test_waiting_has_an_end_and_the_last_to_leave_ends_the_start() -> None:
    stage = bench()
    stage.nature.start = (1e9, 1e9)
    with flying(stage) as (flight, gate, landed):
        assert flight.board()
        with pytest.raises(WaitTimeout, match="not ready after 0 s"):
            flight.join(0.0, ignore)
        assert flight.board()  # one is left, so another one may join
        for _ in range(2):
            with pytest.raises(WaitTimeout):
                flight.join(0.0, ignore)
        assert not flight.board()
        gate.open.set()
        error = flight._result.exception(WAIT)
    assert isinstance(error, ResourceError)
    assert landed == [None]
    assert lives(stage) == [(1, "d0", "creating")]


def test_a_start_that_is_given_up_is_a_typed_error_for_who_waits() -> None:
    stage = bench()
    stage.nature.start = (1e9, 1e9)
    with flying(stage) as (flight, gate, _):
        flight.abandon()
        gate.open.set()
        with pytest.raises(ResourceError, match="given up while this call waited"):
            flight.join(FOREVER, ignore)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupt_says_what_goes_on(error: type[BaseException]) -> None:
    stage = bench()

    def interrupt(progress: Progress) -> None:
        raise error

    with flying(stage) as (flight, _, __), pytest.raises(error) as stopped:
        flight.join(FOREVER, interrupt)
    notes = getattr(stopped.value, "__notes__", [])
    assert bool(notes) is (error is KeyboardInterrupt)
    if notes:
        assert "unused for 3600 s" in notes[0]
        assert "llmanager stop k" in notes[0]


async def test_waiting_in_an_event_loop() -> None:
    stage = bench()
    with flying(stage) as (flight, gate, _):
        told = list[Progress]()

        def tell(progress: Progress) -> None:
            told.append(progress)
            if len(told) == 2:
                gate.open.set()

        assert (await flight.ajoin(FOREVER, tell)).life.gen == 1
        assert told[0].phase == "starting"
        assert (await flight.aglance()).life.gen == 1
    assert flight.glance().life.gen == 1


async def test_an_event_loop_gets_its_error_and_its_end_of_waiting() -> None:
    stage = bench()
    stage.nature.fails = 1.0
    with flying(stage) as (flight, gate, _):
        assert flight.board()
        with pytest.raises(WaitTimeout):
            await flight.ajoin(0.0, ignore)
        gate.open.set()
        with pytest.raises(StartFailed):
            await flight.ajoin(FOREVER, ignore)


async def test_a_cancelled_waiter_leaves_and_the_others_do_not_notice() -> None:
    stage = bench()
    with flying(stage) as (flight, gate, _):
        assert flight.board()
        leaving = asyncio.create_task(flight.ajoin(FOREVER, ignore))
        staying = asyncio.create_task(flight.ajoin(FOREVER, ignore))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await leaving
        assert "was begun and is recorded" in cancelled.value.__notes__[0]
        gate.open.set()
        assert (await staying).life.gen == 1


def test_a_look_at_a_cold_start_raises_and_the_start_goes_on() -> None:
    stage = bench()
    with flying(stage) as (flight, gate, landed):
        flight.progress = Progress("k", "starting", "starting", 40.0, 100.0)
        flight._cold.set()
        with pytest.raises(ResourceWarming) as warming:
            flight.glance()
        assert warming.value.estimate_s == 60.0
        gate.open.set()
        assert flight._result.result(WAIT).life.gen == 1
    assert landed[0] is not None


async def test_a_look_in_an_event_loop_waits_for_the_first_sign() -> None:
    stage = bench()
    with flying(stage) as (flight, gate, _):
        looking = asyncio.create_task(flight.aglance())
        await asyncio.sleep(0)
        assert not looking.done()
        flight._cold.set()
        with pytest.raises(ResourceWarming) as warming:
            await looking
        assert warming.value.estimate_s is None
        gate.open.set()


def test_a_look_at_what_is_warm_is_an_answer() -> None:
    stage = bench()
    maker = Actor(stage, "client")
    do(maker, maker.engine.ensure(want(stage)))
    flight = Flight(Actor(stage, "client").engine, want(stage), lambda known: None)
    assert flight.glance().life.gen == 1
    assert flight.monotonic() == stage.world.now == flight.time()


def test_a_look_waits_until_it_knows_whether_it_is_cold() -> None:
    stage = bench()
    with flying(stage) as (flight, gate, _):
        looked, again = threading.Event(), flight._cold.wait

        def looks(timeout: float | None = None) -> bool:
            if looked.is_set():
                gate.open.set()  # this is the second look
            looked.set()
            return again(timeout)

        flight._cold.wait = looks  # type: ignore[method-assign]
        thread, answers = in_thread(flight.glance)
        thread.join(WAIT)
        (answer,) = answers
    assert isinstance(answer, ResourceWarming | Known)


def test_a_start_that_was_left_is_taken_over_and_swept() -> None:
    stage = bench()
    stage.nature.start = (1e6, 1e6)
    with flying(stage) as (flight, gate, _):
        with pytest.raises(WaitTimeout):
            flight.join(0.0, ignore)
        gate.open.set()
        flight._result.exception(WAIT)
    stage.world.now += 1e6
    sweep(stage, times=2)
    assert lives(stage) == [(1, "d0", "gone")]
