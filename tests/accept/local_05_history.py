"""Many writers on one history, and the end of a long one."""

from __future__ import annotations

from collections.abc import Iterator

from llmanager_sdk import ChatHistory
from tests.accept.harness import Line, check
from tests.accept.homes import home
from tests.history import writers

COMMAND = "make accept ONLY=local-5"


@check("local-5")
def history() -> Iterator[Line]:
    """50 writer processes x 200 messages; the last 20 of 10,000."""
    with home() as folder:
        seconds = writers.crowd("long", 50, 200)
        count, wrong = writers.disorder("long")
        yield Line(
            "50 processes append 200 messages each",
            COMMAND,
            f"{count} messages, {wrong} out of their writer's order, {seconds:.0f} s",
            "10000 messages, 0 out of order",
            (count, wrong) == (10_000, 0),
        )
        ChatHistory("short").add_messages(ChatHistory("long").last(20))
        path = folder / "history.sqlite"
        long = writers.steps_of_last(path, "long", 20)
        short = writers.steps_of_last(path, "short", 20)
        read = len(ChatHistory("long").last(20))
    yield Line(
        "the last 20 of 10,000: instructions of the query, against 20 of 20",
        COMMAND,
        f"{read} read, {long} : {short}",
        "20 read, <= 1.1 x",
        read == 20 and long <= 1.1 * short,
    )
