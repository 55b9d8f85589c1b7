"""Forked processes and SQLite files: what was acknowledged is there, and one wins each race."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

START = """
import os, subprocess, sys, threading, time
from pathlib import Path
from llmanager_sdk.core.life import Slot
from llmanager_sdk.registry.sqlite import SqliteRegistry
path = Path(sys.argv[1])
def swaps(registry=None):
    registry = registry or SqliteRegistry(path, "main")
    slot = registry.read("k")
    return registry.swap(slot, slot), slot.rev
def another():
    code = START + "print(swaps())"
    done = subprocess.run([sys.executable, "-c", "START = " + repr(START) + code, path],
                          capture_output=True, text=True, timeout=60, check=True)
    return eval(done.stdout)
"""
ORPHAN = """
registry = SqliteRegistry(path, "main")
assert swaps(registry) == (True, 0)
if pid := os.fork():
    os._exit(0) if sys.argv[2] == "exits" else registry._file.close()
else:
    time.sleep(0.5)
    print(swaps(registry), another(), swaps(registry), another(), swaps(registry), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""
BUSY = """
registry = SqliteRegistry(path, "main")
swaps(registry)
inside, forked = threading.Event(), threading.Event()
def write():
    with registry._file.writing() as connection:
        connection.execute("UPDATE slots SET rev = rev")
        inside.set()
        time.sleep(0.5)
    forked.wait(30)
thread = threading.Thread(target=write)
thread.start()
inside.wait(30)
if (pid := os.fork()) == 0:
    print(swaps(registry)[0], another()[0], swaps(registry)[0], flush=True)
    os._exit(0)
forked.set()
thread.join()
os.waitpid(pid, 0)
print(swaps(registry)[0], flush=True)
"""
INSIDE = """
registry = SqliteRegistry(path, "main")
swaps(registry)
with registry._file.writing() as connection:
    if (pid := os.fork()) == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    connection.execute("UPDATE slots SET rev = 7")
print(swaps(registry), another(), flush=True)
"""


def run(code: str, path: Path, *words: str) -> str:
    whole = f"START = {START!r}\n{START}{code}"
    command = [sys.executable, "-c", whole, path, *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("parent", ["exits", "closes"])
def test_a_child_and_others_take_turns_when_the_parent_has_gone(
    tmp_path: Path, parent: str
) -> None:
    told = run(ORPHAN, tmp_path / "r.sqlite", parent)
    assert told.strip() == "(True, 1) (True, 2) (True, 3) (True, 4) (True, 5)"


def test_a_fork_waits_for_writes_of_other_threads(tmp_path: Path) -> None:
    assert run(BUSY, tmp_path / "r.sqlite").split() == ["True"] * 4


def test_who_forks_in_the_middle_of_a_write_goes_on_with_it(tmp_path: Path) -> None:
    assert run(INSIDE, tmp_path / "r.sqlite").strip() == "(True, 7) (True, 8)"
