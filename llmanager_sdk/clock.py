"""The machine's own clock, the default of everything that takes one."""

from __future__ import annotations

import time as _time


class SystemClock:
    """`core.ports.Clock` on the standard library."""

    def time(self) -> float:
        """Seconds since the epoch."""
        return _time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return _time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        _time.sleep(seconds)


SYSTEM = SystemClock()
