"""One engine for many first users; whoever is killed, the next use recovers."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.homes import home
from tests.local import scenes

COMMAND = "make accept ONLY=local-3"
START_S = 2.0
"""What a start may take on this kind of machine when it is not alone."""
KILLS = 10


@check("local-3")
def sharing() -> Iterator[Line]:
    """8 processes with 4 threads each; kills of creator, engine, host and user."""
    with home() as folder:
        seen = scenes.crowd(folder, 8, 4, idle=5.0)
        left = scenes.until(lambda: not scenes.processes(folder), 5 + 2 + 5)
    yield Line(
        "8 processes x 4 threads, first use at once: engines started",
        COMMAND,
        f"{seen.started}, errors {len(seen.errors)}",
        "1, errors 0",
        seen.started == 1 and not seen.errors,
    )
    yield _left("after those users, no process is left", left, 5 + 2 + 5)
    dice = random.Random()
    worst = 0.0
    for _ in range(KILLS):
        with home() as folder:
            worst = max(worst, scenes.creator_killed(folder, dice.uniform(0.2, 3.0)))
    yield _recovery(f"creator killed -9 at {KILLS} random moments: the next use", worst)
    for victim in ("engine", "host"):
        with home() as folder:
            error, seconds = scenes.engine_killed(folder, victim)
        yield Line(
            f"{victim} killed -9 during a stream: what the stream raises",
            COMMAND,
            error,
            "a typed error",
            error == "AnswerBroken",
        )
        yield _recovery(f"{victim} killed -9: the next use", seconds)
    with home() as folder:
        left = scenes.user_killed(folder, idle=2.0)
    yield _left("user killed -9 during a stream: no process is left", left, 2 + 2 + 5)


def _recovery(claim: str, seconds: float) -> Line:
    bound = START_S + 10
    return Line(claim, COMMAND, f"{seconds:.1f} s", f"<= {bound:.0f} s", seconds <= bound)


def _left(claim: str, seconds: float, bound: float) -> Line:
    return Line(claim, COMMAND, f"{seconds:.1f} s", f"<= {bound:.0f} s", seconds <= bound)
