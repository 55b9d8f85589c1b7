"""Many writer processes on one history: shared by tests and the acceptance check."""

from __future__ import annotations

import multiprocessing
import sqlite3
import time
from collections import defaultdict
from pathlib import Path

from langchain_core.messages import HumanMessage

from llmanager_sdk import ChatHistory


def _write(writer: int, count: int, session: str) -> None:
    history = ChatHistory(session)
    for number in range(count):
        history.add_message(HumanMessage(f"{writer}:{number}"))


def crowd(session: str, writers: int, each: int) -> float:
    """Writer processes append one message after the other; how many seconds it took."""
    began = time.monotonic()
    fork = multiprocessing.get_context("fork")
    people = [fork.Process(target=_write, args=(i, each, session)) for i in range(writers)]
    for process in people:
        process.start()
    for process in people:
        process.join(300)
    assert all(process.exitcode == 0 for process in people)
    return time.monotonic() - began


def disorder(session: str) -> tuple[int, int]:
    """How many messages there are, and how many stand before an earlier one of their writer."""
    seen: dict[str, int] = defaultdict(lambda: -1)
    wrong = 0
    messages = ChatHistory(session).messages
    for message in messages:
        writer, _, number = str(message.content).partition(":")
        wrong += int(number) <= seen[writer]
        seen[writer] = int(number)
    return len(messages), wrong


def steps_of_last(path: Path, session: str, n: int) -> int:
    """How many instructions SQLite's machine takes for the query behind `last(n)`."""
    connection = sqlite3.connect(path)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 1)
    connection.execute(
        "SELECT id, body FROM messages WHERE namespace = 'main' AND session = ?"
        " ORDER BY number DESC LIMIT ?",
        (session, n),
    ).fetchall()
    connection.close()
    return steps
