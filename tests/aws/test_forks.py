"""Forked processes and AWS: each has connections of its own, and reads its own answers."""

from __future__ import annotations

import multiprocessing
import threading
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk import ChatHistory, platforms
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.settings import Settings

pytestmark = pytest.mark.xdist_group("dynamodb")
FORK = multiprocessing.get_context("fork")
PEOPLE, TURNS = "abcd", 20


def _reads(platform: AwsPlatform, person: str, together: Any, wrong: Any) -> None:
    history = ChatHistory(person, platform=platform)
    for _ in range(TURNS):
        together.wait(60)
        if [message.content for message in history.messages] != [f"secret of {person}"]:
            wrong.put(person)


def test_each_of_many_forked_processes_reads_its_own_messages(
    dynamodb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "LLMANAGER_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    platform = AwsPlatform(Settings(platform="aws", region="us-east-1", namespace="forked"))
    platform._history._features = ()  # type: ignore[attr-defined]
    for person in PEOPLE:
        ChatHistory(person, platform=platform).add_user_message(f"secret of {person}")
    together, wrong = FORK.Barrier(len(PEOPLE)), FORK.SimpleQueue()
    children = [
        FORK.Process(target=_reads, args=(platform, person, together, wrong)) for person in PEOPLE
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0] * len(PEOPLE)
    assert wrong.empty()


def _resolves(path: Path) -> None:
    path.write_text(repr(ChatHistory("x", platform="local").messages))


def test_a_fork_while_another_thread_makes_a_platform_hangs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMANAGER_HOME", str(tmp_path / "home"))
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with platforms._lock:
            inside.set()
            done.wait(60)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert inside.wait(60)
    child = FORK.Process(target=_resolves, args=(tmp_path / "told",))
    child.start()
    child.join(60)
    done.set()
    thread.join(60)
    assert (child.exitcode, (tmp_path / "told").read_text()) == (0, "[]")
