"""Scenes with real engines and real processes: shared by tests and acceptance checks.

Each takes a home and returns what it measured; nothing is asserted here.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from llmanager_sdk import ManagedLLM
from llmanager_sdk.errors import LLManagerError
from tests.conftest import processes

PROMPT = "Write a very long story about a cat, a dog and the sea."


def python(home: Path, code: str, *words: str) -> subprocess.Popen[str]:
    """A process of its own that runs a snippet in a home."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *words],
        env=os.environ | {"LLMANAGER_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until(what: Callable[[], bool], seconds: float) -> float:
    """Seconds until something holds; infinity if it does not in time."""
    began = time.monotonic()
    while not what():
        if time.monotonic() - began > seconds:
            return float("inf")
        os.sched_yield()
        select_pause()
    return time.monotonic() - began


def select_pause() -> None:
    """A short pause between two looks at a real process."""
    import select

    select.select([], [], [], 0.05)


def hosts_started(home: Path) -> int:
    """How many hosts ever ran in a home, by what they wrote into their logs."""
    logs = home.glob("run/*/engine.log")
    return sum(len(re.findall(r"^host \d+ since", x.read_text(), re.M)) for x in logs)


def engine(home: Path) -> psutil.Process | None:
    """The engine process of a home."""
    return _one(home, "llmanager_sdk.local.engine")


def _one(home: Path, module: str) -> psutil.Process | None:
    found = [p for p in processes(home) if module in p.cmdline()]
    return found[0] if found else None


def llm(idle: float = 60.0, **options: object) -> ManagedLLM:
    """A model that answers shortly."""
    return ManagedLLM(idle_timeout=idle, temperature=0, progress="off", **options)


USER = """
import sys, threading
from llmanager_sdk import ManagedLLM
llm = ManagedLLM(idle_timeout=float(sys.argv[1]), temperature=0, max_tokens=4, progress="off")
errors = []
def use():
    try:
        llm.invoke("Say hello")
    except Exception as error:
        errors.append(repr(error))
threads = [threading.Thread(target=use) for _ in range(int(sys.argv[2]))]
[t.start() for t in threads]; [t.join() for t in threads]
print(errors)
"""


@dataclass(frozen=True)
class Crowd:
    """What many first users at once saw."""

    started: int
    errors: list[str]
    seconds: float


def crowd(home: Path, users: int = 8, threads: int = 4, idle: float = 5.0) -> Crowd:
    """Many processes and threads use one model for the first time at once."""
    began = time.monotonic()
    people = [python(home, USER, str(idle), str(threads)) for _ in range(users)]
    errors = []
    for each in people:
        out, err = each.communicate(timeout=180)
        if out.strip() != "[]":
            errors.append(out + err[-500:])
    return Crowd(hosts_started(home), errors, time.monotonic() - began)


def creator_killed(home: Path, after: float) -> float:
    """A creator is killed after so many seconds; how long the next use then takes."""
    creator = python(home, USER, "30", "1")
    until(lambda: creator.poll() is not None, after)
    creator.kill()
    creator.communicate()
    began = time.monotonic()
    llm(max_tokens=4).invoke("Say hello")
    return time.monotonic() - began


def engine_killed(home: Path, victim: str = "engine") -> tuple[str, float]:
    """Engine or host is killed during a stream: what the stream raised, and the recovery."""
    model = llm(max_tokens=800)
    error = "no error: a quiet end"
    try:
        for i, _ in enumerate(model.stream(PROMPT)):
            if i == 5:
                found = _one(home, f"llmanager_sdk.local.{victim}")
                assert found is not None
                found.send_signal(signal.SIGKILL)
    except LLManagerError as caught:
        error = type(caught).__name__
    began = time.monotonic()
    llm(max_tokens=4).invoke("Say hello")
    return error, time.monotonic() - began


STREAMER = """
import sys
from llmanager_sdk import ManagedLLM
llm = ManagedLLM(idle_timeout=float(sys.argv[1]), temperature=0, max_tokens=2000, progress="off")
for chunk in llm.stream("Write a very long story about a cat, a dog and the sea."):
    print("x", end="", flush=True)
"""


def user_killed(home: Path, idle: float = 2.0) -> float:
    """A user is killed during a stream: how long until no process is left."""
    user = python(home, STREAMER, str(idle))
    assert user.stdout is not None
    user.stdout.read(5)
    user.kill()
    user.communicate()
    return until(lambda: not processes(home), idle + 30)


def gone_after(home: Path, idle: float) -> float:
    """How long after its last use nothing of it is left."""
    llm(idle, max_tokens=4).invoke("Say hello")
    return until(lambda: not processes(home), idle + 30)


COUNTER = """
import sys
from llmanager_sdk import ManagedLLM
llm = ManagedLLM(idle_timeout=float(sys.argv[1]), temperature=0, max_tokens=400, progress="off")
chunks = 0
for chunk in llm.stream("Write a very long story about a cat, a dog and the sea."):
    chunks += 1
    if chunks < 4: print("x", end="", flush=True)
print(chunk.response_metadata["finish_reason"], chunks)
"""


def slept(home: Path, idle: float = 1.0, seconds: float = 6.0) -> str:
    """A user, the host and the engine all sleep in the middle of a stream, far past the lease."""
    user = python(home, COUNTER, str(idle))
    assert user.stdout is not None
    user.stdout.read(3)
    sleepers = [psutil.Process(user.pid), *processes(home)]
    for each in sleepers:
        each.send_signal(signal.SIGSTOP)
    until(lambda: False, seconds)
    for each in sleepers:
        each.send_signal(signal.SIGCONT)
    out, err = user.communicate(timeout=400)
    return out.strip() or err[-300:]


def paused_reader(home: Path, idle: float = 1.0, seconds: float = 6.0) -> str:
    """Only the user sleeps: nobody renews its lease, and its stream stays open."""
    user = python(home, COUNTER, str(idle))
    assert user.stdout is not None
    user.stdout.read(3)
    user.send_signal(signal.SIGSTOP)
    until(lambda: False, seconds)
    user.send_signal(signal.SIGCONT)
    out, err = user.communicate(timeout=400)
    return out.strip() or err[-300:]


def long_stream(home: Path, idle: float = 1.0, tokens: int = 900) -> tuple[float, str]:
    """A stream that lasts much longer than the idle timeout: its seconds, and how it ended."""
    began = time.monotonic()
    *_, last = llm(idle, max_tokens=tokens).stream(PROMPT)
    return time.monotonic() - began, str(last.response_metadata["finish_reason"])
