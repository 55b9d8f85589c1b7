"""A real ministack: CloudFormation, Lambda, schedules, queues, topics, logs, in one process.

It is set up in an environment of its own, beside boto3 alone: so the Lambdas that run in it find
what they find at AWS. It needs no Docker and listens on loopback only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from llmanager_sdk.testing.aws.rules import ACCOUNT
from tests.conftest import CACHE

VERSION = "1.5.33"
START_S = 60.0
HERE = Path(__file__).resolve().parent
CONSTRAINTS = HERE.parent.parent / "constraints"


def set_up() -> Path:
    """The Python of its environment."""
    made_with = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = CACHE / "servers" / f"ministack-{VERSION}-python{made_with}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done, venv = folder / "done", folder / "venv"
        if not done.exists():
            shutil.rmtree(venv, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=300)
            words = [venv / "bin" / "python", "-m", "pip", "install", "--quiet"]
            words += ["--disable-pip-version-check", "-c", CONSTRAINTS / "ministack.txt"]
            words += ["-r", CONSTRAINTS / "ministack.in"]
            subprocess.run(words, check=True, timeout=300)
            done.touch()
    return folder / "venv" / "bin" / "python"


@contextmanager
def ministack(environ: Mapping[str, str] | None = None) -> Iterator[str]:
    """Its address.

    Args:
        environ: of its process, and with it of every Lambda: `AWS_ENDPOINT_URL` tells boto3 there
            where to go, `FAST_CLOCK` makes time run faster (`tests.aws.clocks.Fast.environ`).
    """
    python = set_up()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # The shell ends the server when this process ends, however that happens.
    guard = 'exec 3<&0; "$@" </dev/null & server=$!; cat <&3 >/dev/null; kill -9 $server'
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        own = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "TMPDIR": folder,
            "PYTHONPATH": os.pathsep.join(map(str, [HERE / "fast_clock", HERE / "patience"])),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        log = Path(folder, "log")
        with log.open("w") as output:
            process = subprocess.Popen(
                ["sh", "-c", guard, "sh", str(python), "-m", "patient"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=folder,
                env={**own, **(environ or {})},
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _await(url, log)
            yield url
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)


def _await(url: str, log: Path) -> None:
    pause = threading.Event()
    for _ in range(int(START_S / 0.1)):
        try:
            urllib.request.urlopen(f"{url}/_ministack/health", timeout=2)
            return
        except OSError:
            pause.wait(0.1)
    said = log.read_text()[-2000:]
    raise TimeoutError(f"ministack did not start within {START_S:.0f} s: {said}")


if __name__ == "__main__":
    print(set_up(), file=sys.stderr)
