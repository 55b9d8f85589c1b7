"""The host of one engine: a small process that watches its own slot and exits by `decide`.

Run by `model_kind` as `python -m llmanager_sdk.local.host RUNDIR LOCKFD`. It is detached from
whoever started it, and holds the lock of its run folder for as long as it lives.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.life import SCHEMA, Life, Seen, Slot, Timing, Write, decide
from llmanager_sdk.core.ports import Clock, Registry
from llmanager_sdk.errors import RegistryError
from llmanager_sdk.local.rundir import RunDir, write_private
from llmanager_sdk.local.timing import LOAD_S, LOCAL, LOOK_S
from llmanager_sdk.registry.sqlite import SqliteRegistry

KILL_S = 2.0
"""How long the engine gets to end by itself, in seconds."""


class Host:
    """Serves one life until nobody wants it.

    Args:
        run: its folder.
        config: as `model_kind` wrote it.
        registry: where its slot is.
        clock: its time.
    """

    def __init__(self, run: RunDir, config: dict[str, Any], registry: Registry, clock: Clock):
        self.run = run
        self.config = config
        self.registry = registry
        self.clock = clock
        self.timing: Timing = LOCAL
        self.me = f"host:{os.getpid()}:{run.path.name}"
        self.engine: subprocess.Popen[bytes] | None = None
        self.address = ("", 0)
        self.known_until = math.inf

    def main(self) -> None:
        """Start the engine, watch, end it, bury the life."""
        self.engine = subprocess.Popen(
            [sys.executable, "-m", "llmanager_sdk.local.engine", str(self.run.path), _pid()],
            stdin=subprocess.PIPE,
        )
        try:
            if self._load():
                self._watch()
        finally:
            self._end_engine()
            self._bury()

    # -- the engine ----------------------------------------------------------------------------

    def _load(self) -> bool:
        """Wait until it answers; False if it ended, took too long, or is wanted no more."""
        assert self.engine is not None
        began = self.clock.monotonic()
        while self.engine.poll() is None:
            if self.run.address.exists() and self._healthy():
                host, port = self.address
                data = {"url": f"http://{host}:{port}/v1", "slots": self.config["slots"]}
                key = self.config["key"]
                write_private(self.run.endpoint, data | {"key": key, "pid": os.getpid()})
                return True
            if self.clock.monotonic() - began > LOAD_S:
                self._note_failure(f"it was not ready after {LOAD_S:.0f} s")
                return False
            self.clock.sleep(0.02)
        self._note_failure(f"the engine ended with code {self.engine.returncode} while loading")
        return False

    def _healthy(self) -> bool:
        if not self.address[1]:
            _, _, rest = self.run.address.read_text().rpartition("//")
            host, _, port = rest.rstrip("/").rpartition(":")
            self.address = (host, int(port))
        answer = self._ask("/health", timeout=2.0)
        return answer is not None and answer[0] == 200

    def _ask(self, path: str, timeout: float) -> tuple[int, str] | None:
        connection = http.client.HTTPConnection(*self.address, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {self.config['key']}", "Connection": "close"}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def used(self) -> float | None:
        """Now if a call is open or queued, -inf if none is, None if the engine does not say."""
        answer = self._ask("/metrics", timeout=5.0)
        return open_calls(answer, self.clock.time())

    def _end_engine(self) -> None:
        assert self.engine is not None
        self.run.endpoint.unlink(missing_ok=True)
        self.engine.terminate()
        try:
            self.engine.wait(KILL_S)
        except subprocess.TimeoutExpired:
            self.engine.kill()
            self.engine.wait()

    def _note_failure(self, why: str) -> None:
        tail = self.run.tail(12)
        self.run.failure.write_text(f"{why}. Its last words:\n{tail}" if tail else why)

    # -- the life ------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Until the life may go, or the engine ends."""
        assert self.engine is not None
        while True:
            if self.engine.poll() is not None:
                self._note_failure(f"the engine ended with code {self.engine.returncode}")
                return
            if self._over():
                return
            self.clock.sleep(LOOK_S)

    def _over(self) -> bool:
        """One look at the slot: whether the engine is to end now."""
        try:
            slot = self.registry.read(self.config["slot"])
            if slot.schema > SCHEMA:  # a newer version knows what lives there; its host is this one
                return False
            life = slot.life(self.config["gen"])
            if life is None:  # the registry was lost: nobody can find this engine
                return self._quiet()
            if life.phase in ("failed", "deleting", "gone"):
                return life.force or self._quiet()
            self.known_until = life.held_until()
            self._decide(slot, life)
        except RegistryError:
            late = self.clock.time() > self.known_until + self.timing.margin
            return late and self._quiet()
        return False

    def _decide(self, slot: Slot, life: Life) -> None:
        now = self.clock.time()
        used = self.used() if life.phase == "ready" else -math.inf
        move = decide(slot, life, Seen.READY, used, now, self.me, self.timing)
        if isinstance(move, Write):
            self.registry.swap(slot, move.slot)

    def _quiet(self) -> bool:
        return self.used() == -math.inf

    def _bury(self) -> None:
        """The engine has ended: if this host claimed the deletion, the life is gone."""
        try:
            for _ in range(5):
                slot = self.registry.read(self.config["slot"])
                life = slot.life(self.config["gen"])
                if life is None or life.phase != "deleting" or life.worker != self.me:
                    break
                now = self.clock.time()
                move = decide(slot, life, Seen.ABSENT, -math.inf, now, self.me, self.timing)
                if not isinstance(move, Write) or self.registry.swap(slot, move.slot):
                    break
        except RegistryError as error:
            print(f"host: {error.message}", file=sys.stderr)  # noqa: T201 - its log
        for secret in (self.run.config, self.run.address):
            secret.unlink(missing_ok=True)


def open_calls(answer: tuple[int, str] | None, now: float) -> float | None:
    """What llama.cpp's /metrics say of open calls (Prometheus text, names with `llamacpp:`)."""
    if answer is None or answer[0] != 200:
        return None
    found: dict[str, float] = {}
    for line in answer[1].splitlines():
        name, _, value = line.partition(" ")
        if name in ("llamacpp:requests_processing", "llamacpp:requests_deferred"):
            try:
                found[name] = float(value)
            except ValueError:
                return None
    if len(found) < 2 or any(math.isnan(each) for each in found.values()):
        return None
    return now if any(found.values()) else -math.inf


def _pid() -> str:
    return str(os.getpid())


def main() -> None:
    """Detach, then host."""
    if os.fork():
        os._exit(0)
    folder = Path(sys.argv[1])
    run = RunDir(folder)
    config = json.loads(run.config.read_text())
    registry = SqliteRegistry(Path(config["registry"]), config["namespace"])
    print(f"host {os.getpid()} since {time.strftime('%F %T')}", file=sys.stderr)  # noqa: T201
    Host(run, config, registry, SYSTEM).main()


if __name__ == "__main__":
    main()
