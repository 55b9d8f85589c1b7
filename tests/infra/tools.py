"""Environments beside the project's own: one with the linters of templates, one with boto3 alone.

checkov wants a boto3 of its own, and a Lambda has nothing but boto3. So each is set up on its own,
once, under the cache of the tests.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import CACHE

ROOT = Path(__file__).resolve().parent.parent.parent
CONSTRAINTS = ROOT / "constraints"
SET_UP_S = 600.0


def environment(name: str, wanted: list[str], pins: Path) -> Path:
    """The folder of its programs.

    Args:
        wanted: what is installed, as pip takes it.
        pins: the constraint file.
    """
    text = f"{sys.version}{wanted}{pins.read_text()}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    folder = CACHE / "environments" / f"{name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done, venv = folder / "done", folder / "venv"
        if not done.exists():
            shutil.rmtree(venv, ignore_errors=True)
            _run([sys.executable, "-m", "venv", venv])
            _run([*_installer(venv / "bin" / "python"), "-c", pins, *wanted])
            done.touch()
    return folder / "venv" / "bin"


def _installer(python: Path) -> list[str | Path]:
    uv = Path(sys.executable).parent / "uv"
    if uv.exists():
        return [uv, "pip", "install", "--quiet", "--python", python]
    return [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]


def _run(words: list[str | Path]) -> None:
    subprocess.run(words, check=True, timeout=SET_UP_S)


def linters() -> Path:
    """With cfn-lint and checkov."""
    return environment("infra", ["-r", str(CONSTRAINTS / "infra.in")], CONSTRAINTS / "infra.txt")


def bare() -> Path:
    """With boto3 and what it brings, and nothing else: what a Lambda finds."""
    return environment("boto3", ["boto3"], CONSTRAINTS / "dev.txt")
