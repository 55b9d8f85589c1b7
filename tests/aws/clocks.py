"""Clocks that go as tests want them to."""

from __future__ import annotations

import threading
import time

SPEED = 30.0
"""An hour in two minutes; a period of the reaper's schedule in ten seconds."""


class Turned:
    """A clock that moves when somebody sleeps on it, or by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Fast:
    """A clock that runs so many times as fast as the machine's."""

    def __init__(self, speed: float = SPEED) -> None:
        self._speed = speed
        self._began = time.monotonic()
        self._from = time.time()

    def environ(self) -> dict[str, str]:
        """What makes the processes of an emulator keep the same time."""
        return {"FAST_CLOCK": f"{self._speed} {self._began!r} {self._from!r}"}

    def time(self) -> float:
        return self._from + self.monotonic()

    def monotonic(self) -> float:
        return self._speed * (time.monotonic() - self._began)

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(seconds / self._speed)
