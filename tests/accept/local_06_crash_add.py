"""Documents are added once, whatever is killed; readers see whole commits only."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.homes import home
from tests.vector_store.crash import COUNT, crash_and_add_again

COMMAND = "make accept ONLY=local-6"
KILLS = 12


@check("local-6")
def crash_add() -> Iterator[Line]:
    """At least 20 kills -9 while 10,000 documents are added, then the same call again."""
    total = 0
    for ids in ("given", "derived"):
        with home():
            seen = crash_and_add_again("crash", ids, KILLS, random.Random())
        total += seen.kills
        yield Line(
            f"ids {ids}: after {seen.kills} kills, the same call again",
            COMMAND,
            f"{seen.documents} documents, {seen.distinct} distinct, {seen.torn} torn reads",
            f"{COUNT}, {COUNT}, 0",
            (seen.documents, seen.distinct, seen.torn) == (COUNT, COUNT, 0),
        )
    yield Line("kill -9 at random points, in all", COMMAND, str(total), ">= 20", total >= 20)
