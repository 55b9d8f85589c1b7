"""The kind "model" on local: one host process with its engine for each life."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import math
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmanager_sdk.core.life import Life, Seen, Spec, Timing
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import NotRunning, StartFailed
from llmanager_sdk.local.host import open_calls
from llmanager_sdk.local.machine import free_memory
from llmanager_sdk.local.rundir import RunDir, folders, possible, release, slug, write_private
from llmanager_sdk.local.timing import LOCAL
from llmanager_sdk.ports.models import Endpoint
from llmanager_sdk.settings import Settings
from llmanager_sdk.sqlite_file import refuse_network, translated

if TYPE_CHECKING:
    from llmanager_sdk.local.gguf import Gguf

log = logging.getLogger("llmanager_sdk")

KEEP_LOGS_S = 7 * 86400.0
"""How long the log of an ended engine is kept."""
REACT_S = 10.0
"""How long a host may take to obey its row before it is killed."""


class ModelKind:
    """Engines on this machine.

    Args:
        settings: where the home is, and the namespace.
        clock: this process's time.
    """

    timing: Timing = LOCAL
    parts: Sequence[str] = ("process",)

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._folder = settings.home / "run"
        self._asked: dict[str, float] = {}

    def _run(self, life: Life) -> RunDir:
        name = life.names["run"]
        return RunDir(self._folder / (name if possible(name) else slug(name)))  # which is not there

    # -- creating ------------------------------------------------------------------------------

    def name(self, spec: Spec, gen: int, token: str) -> Mapping[str, str]:
        """One run folder for each life."""
        return {"run": f"{self._settings.namespace}-{slug(spec.key)}-{gen}-{token}"}

    def create(self, life: Life, part: str) -> None:
        """Start the host, unless one lives. The lock is taken before and inherited by it."""
        run = self._run(life)
        try:
            refuse_network(run.lock)
            lock = run.claim()
            if lock is None:
                return
            try:
                self._prune()
                run.clear()
                slots = check(life.spec.body)
                write_private(run.config, self._config(life) | {"slots": slots})
                self._spawn(run, lock)
            finally:
                release(lock)
        except OSError as error:
            raise translated(error, run.path, "start the engine") from error

    def _config(self, life: Life) -> dict[str, Any]:
        return {
            **life.spec.body,
            "key": secrets.token_urlsafe(24),
            "registry": str(self._settings.home / "registry.sqlite"),
            "namespace": self._settings.namespace,
            "slot": life.spec.key,
            "gen": life.gen,
        }

    def _spawn(self, run: RunDir, lock: int) -> None:
        package = str(Path(__file__).resolve().parent.parent.parent)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        with run.log.open("ab") as log:
            starter = subprocess.Popen(
                [sys.executable, "-m", "llmanager_sdk.local.host", str(run.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=run.path,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
                pass_fds=(lock,),
                start_new_session=True,
            )
        if starter.wait() != 0:
            raise StartFailed(
                f"the host process could not be started: {run.tail(5)}",
                resource=str(run.path),
                step="start the engine",
                hint="look at the log that is named here",
            )

    def finish(self, life: Life) -> bool:
        """One token, asked for and got: it does answer."""
        body = {"prompt": "a", "max_tokens": 1, "temperature": 0}
        answer = self._ask(life, "POST", "/v1/completions", json.dumps(body), timeout=60.0)
        return answer is not None and answer[0] == 200

    # -- looking -------------------------------------------------------------------------------

    def list(self, namespace: str) -> Iterator[Mapping[str, str]]:
        """The run folders whose host lives, or may."""
        for path in folders(self._folder, f"{namespace}-"):
            if _held(RunDir(path)) is not False:
                yield {"run": path.relative_to(self._folder).as_posix()}

    def observe(self, life: Life) -> Seen:
        """By the lock: free is gone; held is up while its address is there."""
        run = self._run(life)
        held = _held(run)
        if held is None:
            return Seen.UNKNOWN
        if held:
            if run.endpoint.exists():
                return Seen.READY
            return Seen.GOING if life.ready_at else Seen.PENDING  # the host removes it first
        return Seen.BROKEN if run.failure.exists() else Seen.ABSENT

    def used_outside(self, life: Life) -> float | None:
        """Open calls, as the engine counts them; none where its host is gone.

        A free lock is proof: the engine ends with its host, and after a crash or a reboot nobody is
        left to ask.
        """
        answer = self._ask(life, "GET", "/metrics", None, timeout=5.0)
        if answer is None and _held(self._run(life)) is False:
            return -math.inf
        return open_calls(answer, self._clock.time())

    def why(self, life: Life) -> str:
        """What its host noted."""
        try:
            return self._run(life).failure.read_text()
        except FileNotFoundError:
            return ""

    def logs(self, life: Life, lines: int) -> str:
        """The last lines of host and engine."""
        return self._run(life).tail(lines)

    def endpoint(self, life: Life) -> Endpoint:
        """Where it answers, with its key.

        Raises:
            NotRunning: it left no address.
        """
        try:
            data = json.loads(self._run(life).endpoint.read_text())
        except (FileNotFoundError, ValueError) as error:
            raise NotRunning(
                "the engine is not there any more",
                resource=life.spec.key,
                step="find its address",
                hint="use it again: that starts a new one",
            ) from error
        headers = {"Authorization": f"Bearer {data['key']}"}
        return Endpoint(data["url"], headers, data["slots"], life.gen)

    def _ask(
        self, life: Life, method: str, path: str, body: str | None, timeout: float
    ) -> tuple[int, str] | None:
        try:
            endpoint = self.endpoint(life)
        except (NotRunning, OSError):
            return None
        connection = http.client.HTTPConnection(urlsplit(endpoint.url).netloc, timeout=timeout)
        try:
            headers = {**endpoint.headers, "Content-Type": "application/json"}
            connection.request(method, path, body, headers | {"Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    # -- deleting ------------------------------------------------------------------------------

    def delete(self, life: Life) -> None:
        """The host obeys its row by itself; one that does not react is killed."""
        run = self._run(life)
        if not run.held():
            run.clear()
            self._asked.pop(run.path.name, None)
            return
        asked = self._asked.setdefault(run.path.name, self._clock.monotonic())
        open_now = self.used_outside(life) not in (None, -math.inf)
        if self._clock.monotonic() - asked > REACT_S and (life.force or not open_now):
            _kill_holder(run)

    def _prune(self) -> None:
        """Forget the logs of engines that ended long ago."""
        for path in folders(self._folder):
            with contextlib.suppress(OSError):
                old = time.time() - path.stat().st_mtime > KEEP_LOGS_S
                if old and not RunDir(path).held():
                    shutil.rmtree(path)


def _held(run: RunDir) -> bool | None:
    """Whether its host is alive; None if that cannot be seen."""
    try:
        return run.held()
    except (OSError, ValueError):
        return None


def _kill_holder(run: RunDir) -> None:
    """Kill the host that holds the lock; its engine dies with it.

    The process is pinned before the lock is looked at again, so that a number that was given to
    another process in between is not hit.
    """
    try:
        pid = json.loads(run.endpoint.read_text())["pid"]
        pinned = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    except (OSError, ValueError, KeyError):
        return
    try:
        if run.held():
            if pinned is not None:
                signal.pidfd_send_signal(pinned, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        if pinned is not None:
            os.close(pinned)


def check(body: Mapping[str, Any]) -> int:
    """What must hold before weights are served: they are what they were, and they fit.

    Returns:
        How many slots there is memory for, of those that were asked for.

    Raises:
        StartFailed, StoreCorrupt, ConfigurationError.
    """
    from llmanager_sdk.local import gguf
    from llmanager_sdk.local.setup import check_sha256

    path = Path(body["file"])
    head = gguf.read(path)
    if body["sha256"]:
        check_sha256(path, body["sha256"])
    slots = room(head, body["context"], body["slots"], free_memory())
    if slots < body["slots"]:
        wanted = body["slots"]
        log.warning("%s: there is memory for %d of %d calls at once", body["served"], slots, wanted)
    return slots


def room(head: Gguf, context: int, slots: int, free: int | None) -> int:
    """How many of these slots fit, each with a context of its own.

    Raises:
        StartFailed: not even one does.
    """
    if free is None:
        return slots
    cache = head.cache_bytes(context)
    need = head.size + cache + OVERHEAD
    if need > free:
        raise StartFailed(
            f"it does not fit: weights {_gb(head.size)} + cache of {context} tokens "
            f"{_gb(cache)} + working memory {_gb(OVERHEAD)} = {_gb(need)}; {_gb(free)} are free",
            resource=head.path.name,
            step="check the memory",
            hint="choose a smaller context= or a smaller model, or stop something else",
        )
    return min(slots, 1 + (free - need) // max(cache, 1))


OVERHEAD = 200 << 20
"""Compute buffers and the process itself, in bytes: measured with 4 slots of 8,192 tokens."""


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
