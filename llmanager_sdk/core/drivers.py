"""Two thin drivers for the engine's generators of effects: one blocks, one awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from llmanager_sdk.core.ports import Clock

T = TypeVar("T")


class Effect(NamedTuple):
    """One call to the outside; `name` says which, for whoever watches or schedules them."""

    name: str
    call: Callable[[], Any]


class Sleep(NamedTuple):
    """Let that many seconds go by."""

    seconds: float


Steps = Generator[Effect | Sleep, Any, T]


def run(steps: Steps[T], clock: Clock) -> T:
    """Carry out the effects in this thread."""
    try:
        effect = next(steps)
        while True:
            try:
                result = None
                if isinstance(effect, Sleep):
                    clock.sleep(effect.seconds)
                else:
                    result = effect.call()
            except Exception as error:
                effect = steps.throw(error)
            else:
                effect = steps.send(result)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        steps.close()


async def arun(steps: Steps[T]) -> T:
    """Carry out the effects without blocking the event loop.

    Registries and control planes are blocking libraries: their calls run in a thread, which a
    cancelled caller leaves behind. That is safe, since each of them may be repeated.
    """
    try:
        effect = next(steps)
        while True:
            try:
                result = None
                if isinstance(effect, Sleep):
                    await asyncio.sleep(effect.seconds)
                else:
                    result = await asyncio.to_thread(effect.call)
            except Exception as error:
                effect = steps.throw(error)
            else:
                effect = steps.send(result)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        steps.close()
