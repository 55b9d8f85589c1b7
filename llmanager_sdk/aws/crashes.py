"""Whether a container that is starting ends again and again, by what it writes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from llmanager_sdk.core.life import Life
from llmanager_sdk.core.ports import Clock

LOOK_S = 60.0
"""Between two looks at the logs of an endpoint that is being created."""
GRACE_S = 180.0
"""A creation is not judged by its logs before it is this old."""
CRASHES = 3
"""So many ends of the container, and it is not going to start any more."""
APART_S = 60.0
"""The last words of one end are many, and may be spread over so long."""
MOST = 10_000
"""Lines of one look: as many as CloudWatch gives at once."""
_END = re.compile(
    r"exit(ed)?( with)? (code|status):? ?[1-9]|Engine core initialization failed|"
    r"CUDA out of memory|entered FATAL state",
    re.I,
)
_START = re.compile(
    r"vLLM API server version|server_args=ServerArgs\(|Starting djl-serving|"
    r"text_embeddings_router: \S+ Args \{"
)
"""What vLLM, SGLang, LMI and TEI write once, when they start."""


class Line(NamedTuple):
    """What a container wrote, and when (seconds since the epoch)."""

    at: float
    text: str


def ends(lines: Sequence[Line]) -> int:
    """How often the server ended, as far as these lines tell.

    A traceback is no end: servers survive many. One that is killed says nothing, but starts again.
    """
    return max(_apart(lines, _END), _apart(lines, _START) - 1)


def _apart(lines: Sequence[Line], sign: re.Pattern[str]) -> int:
    count, last = 0, -math.inf
    for at, text in lines:
        if at >= last + APART_S and sign.search(text):
            count, last = count + 1, at
    return count


class Watchdog:
    """Looks at the logs of creations now and then. What it found once stays so.

    Args:
        read: the last lines of a life's container, in the order in which they were written.
    """

    def __init__(self, clock: Clock, read: Callable[[Life, int], Sequence[Line]]) -> None:
        self._clock = clock
        self._read = read
        self._looked: dict[str, float] = {}
        self._hopeless: set[str] = set()

    def hopeless(self, life: Life) -> bool:
        """Whether its container ended too often, by the logs that are looked at if it is time."""
        name, now = life.names["endpoint"], self._clock.time()
        due = self._looked.get(name, life.born_at + GRACE_S - LOOK_S) + LOOK_S
        if now >= due and not self.gave_up(life):
            self._looked[name] = now
            if ends(self._read(life, MOST)) >= CRASHES:
                self._hopeless.add(name)
        return self.gave_up(life)

    def gave_up(self, life: Life) -> bool:
        """Whether it was found hopeless before."""
        return life.names["endpoint"] in self._hopeless
