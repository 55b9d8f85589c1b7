"""The driver of effects for asyncio; `drivers` has the one that blocks."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from llmanager_sdk.core.drivers import Sleep, Steps

T = TypeVar("T")


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
