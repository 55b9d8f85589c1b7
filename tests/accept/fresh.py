"""A machine where nothing is set up yet: an empty home, cold caches, compilers that only tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
COMPILERS = ("cc", "gcc", "c++", "g++", "clang", "clang++", "rustc", "cargo", "cmake", "ninja")
_DROPPED = ("LLMANAGER_", "MAKE", "MFLAGS", "VIRTUAL_ENV", "PYTHON", "UV_CACHE", "XDG_", "PYTEST_")


@dataclass
class Told:
    """What a command printed, each line with the seconds since its start.

    Attributes:
        code: its exit code; None if its time was over and it was killed.
    """

    lines: list[tuple[float, str]] = field(default_factory=list)
    code: int | None = None
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """All that was printed."""
        return "\n".join(line for _, line in self.lines)

    def when(self, start: str) -> float:
        """Seconds until the first line that starts so; infinite if none did."""
        return next((t for t, line in self.lines if line.startswith(start)), float("inf"))


@dataclass(frozen=True)
class Machine:
    """An empty folder with a clone of the last commit in it.

    Attributes:
        repo: the clone.
        env: the environment of everything that runs there.
    """

    folder: Path
    repo: Path
    env: dict[str, str]

    def run(self, words: Sequence[str | Path], timeout: float) -> Told:
        """Run a command in the clone, without input, in a process group of its own."""
        told = Told()
        began = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in words],
            cwd=self.repo,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        late = threading.Timer(timeout, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                told.lines.append((time.monotonic() - began, line.rstrip("\n")))
            code = process.wait()
        finally:
            late.cancel()
        told.code = None if code == -signal.SIGKILL else code
        told.seconds = time.monotonic() - began
        return told

    def compiled(self) -> tuple[list[str], int]:
        """The calls of compilers so far, and how often one was only asked for its version.

        pip asks rustc for its version to describe itself to the package index.
        """
        log = self.folder / "compiled.log"
        calls = log.read_text().splitlines() if log.exists() else []
        real = [call for call in calls if call.split()[1:] != ["--version"]]
        return real, len(calls) - len(real)

    def processes(self) -> list[psutil.Process]:
        """What still runs of this machine."""
        place = str(self.folder)
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(place in word for word in process.info["cmdline"] or [])
        ]


@contextmanager
def machine() -> Iterator[Machine]:
    """One such machine; nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix="fresh-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        made = Machine(folder, folder / "repo", _environment(folder))
        subprocess.run(
            ["git", "clone", "--quiet", "--no-local", str(ROOT), str(made.repo)], check=True
        )
        try:
            yield made
        finally:
            for process in made.processes():
                try:
                    process.kill()
                    process.wait(5)
                except psutil.NoSuchProcess:
                    pass


def _environment(folder: Path) -> dict[str, str]:
    """This process's environment, with a home and caches that are empty."""
    tools = folder / "tools"
    tools.mkdir()
    for name in COMPILERS:
        shim = tools / name
        shim.write_text(f'#!/bin/sh\necho "{name} $*" >> "{folder}/compiled.log"\nexit 1\n')
        shim.chmod(0o755)
    python = Path(sys.base_prefix) / "bin"
    here = str(Path(sys.prefix) / "bin")
    path = [x for x in os.environ["PATH"].split(os.pathsep) if x != here]
    home = folder / "home"
    home.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED)}
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "UV_CACHE_DIR": str(home / "cache" / "uv"),
        "PIP_CACHE_DIR": str(home / "cache" / "pip"),
        "PATH": os.pathsep.join([str(tools), str(python), *path]),
        "PYTHONUNBUFFERED": "1",
    }
