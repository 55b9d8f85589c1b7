"""Who may ask an engine: in order, and never in a way that callers wait for each other for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from llmanager_sdk import ManagedLLM
from llmanager_sdk.http.turns import Turns
from tests import scripted as play
from tests.scripted import scripted

HANGS = 20.0
"""What takes longer than this, in seconds, is taken for a deadlock."""


def in_time(what: Callable[[], Any]) -> Any:
    """The result of something that must not hang, from a thread that may be left behind."""
    result: Future[Any] = Future()

    def run() -> None:
        try:
            result.set_result(what())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return result.result(HANGS)


def test_turns_are_given_in_order_and_survive_who_leaves() -> None:
    turns = Turns(1)
    first = turns.enter()
    order: list[int] = []

    async def wait(number: int) -> None:
        place = await turns.aenter()
        order.append(number)
        turns.leave(place)

    async def crowd() -> None:
        tasks = []
        for number in range(4):
            tasks.append(asyncio.create_task(wait(number)))
            await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        turns.leave(first)
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(crowd())
    assert order == [0, 2, 3]
    turns.leave(turns.enter())


def test_to_leave_twice_makes_no_second_turn() -> None:
    turns = Turns(1, patience=0.02)
    first = turns.enter()
    turns.leave(first)
    second = turns.enter()
    turns.leave(first)
    got = threading.Event()

    def third() -> None:
        turns.enter()
        got.set()

    threading.Thread(target=third, daemon=True).start()
    assert not got.wait(0.3), "a thread that waits for the engine keeps its turn"
    turns.leave(second)
    assert got.wait(HANGS)


def test_threads_and_loops_wait_in_one_line() -> None:
    turns = Turns(2)
    inside, most = 0, 0
    lock = threading.Lock()

    def count(change: int) -> None:
        nonlocal inside, most
        with lock:
            inside += change
            most = max(most, inside)

    def blocking() -> None:
        for _ in range(50):
            place = turns.enter()
            count(1)
            count(-1)
            turns.leave(place)

    async def one() -> None:
        for _ in range(50):
            place = await turns.aenter()
            count(1)
            await asyncio.sleep(0)
            count(-1)
            turns.leave(place)

    async def many() -> None:
        await asyncio.gather(*(one() for _ in range(5)))

    threads = [threading.Thread(target=blocking, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    in_time(lambda: asyncio.run(many()))
    for thread in threads:
        thread.join(HANGS)
    assert (inside, most) == (0, 2)


def test_a_loop_that_a_waiter_blocks_loses_its_turn() -> None:
    async def main() -> None:
        turns = Turns(1, patience=0.02)
        mine = await turns.aenter()
        other = turns.enter()  # a blocking call in a coroutine: nobody else can give the turn back
        turns.leave(mine)
        turns.leave(other)
        turns.leave(await turns.aenter())

    in_time(lambda: asyncio.run(main()))


def test_a_loop_that_is_alive_keeps_its_turn() -> None:
    turns = Turns(1, patience=0.02)

    async def main() -> bool:
        mine = await turns.aenter()
        other = asyncio.create_task(turns.aenter())
        await asyncio.wait({other}, timeout=0.5)
        early = other.done()
        turns.leave(mine)
        await other
        return early

    assert in_time(lambda: asyncio.run(main())) is False


@pytest.mark.parametrize("closed", [True, False])
def test_the_turns_of_loops_that_run_no_more_are_free_again(closed: bool) -> None:
    turns = Turns(1, patience=0.02)
    loops = []
    for _ in range(3):
        loop = asyncio.new_event_loop()
        in_time(lambda loop=loop: loop.run_until_complete(turns.aenter()))
        loops.append(loop)
        if closed:
            loop.close()
    turns.leave(in_time(turns.enter))
    for loop in loops:
        loop.close()


def test_who_waits_can_be_cancelled_and_timed_out() -> None:
    turns = Turns(1)
    first = turns.enter()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(turns.aenter(), 0.05)

    in_time(lambda: asyncio.run(main()))
    turns.leave(first)
    turns.leave(in_time(turns.enter))


# -- calls to a server that works on one at once


def test_streams_that_are_read_by_turns_in_one_thread_do_not_wait_for_each_other() -> None:
    with scripted(play.says("Hel", "lo"), slots=1) as server:
        model = ManagedLLM("canned", endpoint_url=server.url)

        def use() -> list[str]:
            streams = [model.stream("hello") for _ in range(5)]
            first = [next(each).text for each in streams]
            return [a + "".join(x.text for x in each) for a, each in zip(first, streams, strict=1)]

        assert in_time(use) == ["Hello"] * 5


def test_a_call_may_be_made_while_a_stream_is_read() -> None:
    with scripted(play.says("Hel", "lo"), slots=1) as server:
        model = ManagedLLM("canned", endpoint_url=server.url)
        nested = in_time(lambda: [model.invoke("x").text for _ in model.stream("hello")])
        assert set(nested) == {"Hello"}


def test_a_call_may_be_awaited_while_a_stream_is_read() -> None:
    with scripted(play.says("Hel", "lo"), slots=1) as server:
        model = ManagedLLM("canned", endpoint_url=server.url)

        async def user() -> set[str]:
            return {(await model.ainvoke("x")).text async for _ in model.astream("hello")}

        async def users() -> list[set[str]]:
            return await asyncio.gather(*(user() for _ in range(4)))

        assert in_time(lambda: asyncio.run(users())) == [{"Hello"}] * 4


def test_a_call_waits_until_the_answer_before_it_begins() -> None:
    go = threading.Event()
    slow = play.waits_for(go, play.says("slow"))
    with scripted(slow, play.says("fast"), slots=1) as server:
        model = ManagedLLM("canned", endpoint_url=server.url)
        found: list[str] = []
        threads = []
        for number in (1, 2):
            thread = threading.Thread(target=lambda: found.append(model.invoke("hello").text))
            thread.start()
            threads.append(thread)
            assert server.came.acquire(timeout=HANGS if number == 1 else 0.3) is (number == 1)
        go.set()
        for thread in threads:
            thread.join(HANGS)
        assert sorted(found) == ["fast", "slow"]
