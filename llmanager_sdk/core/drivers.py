"""Effects, and the driver that carries them out; `async_driver` has its twin."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from llmanager_sdk.core.ports import Clock

T = TypeVar("T")


class Effect(NamedTuple):
    """One call to the outside; the name is for who watches."""

    name: str
    call: Callable[[], Any]


class Sleep(NamedTuple):
    """Let that many seconds go by."""

    seconds: float


Steps = Generator[Effect | Sleep, Any, T]


def run(steps: Steps[T], clock: Clock) -> T:
    """Carry them out in this thread."""
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
