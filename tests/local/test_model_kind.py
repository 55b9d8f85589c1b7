"""What the local platform says about an engine, from its run folder alone."""

from __future__ import annotations

import os
from pathlib import Path

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.life import Life, Seen, Spec
from llmanager_sdk.local.model_kind import ModelKind
from llmanager_sdk.local.rundir import RunDir
from llmanager_sdk.settings import Settings


def test_an_engine_is_up_while_its_host_holds_the_lock_and_shows_an_address(tmp_path: Path) -> None:
    kind = ModelKind(Settings(home=tmp_path), SYSTEM)
    spec = Spec("model", "key", {}, "digest")
    run = RunDir(tmp_path / "run" / "main-key-1-x")
    starting = Life(1, spec, {"run": run.path.name})
    ready = Life(1, spec, {"run": run.path.name}, "ready", ready_at=5.0)
    assert kind.observe(starting) is Seen.ABSENT
    lock = run.claim()
    assert lock is not None
    assert kind.observe(starting) is Seen.PENDING
    run.endpoint.write_text("{}")
    assert kind.observe(ready) is Seen.READY
    run.endpoint.unlink()  # the host ends it, and a user must not wait for it
    assert kind.observe(ready) is Seen.GOING
    os.close(lock)
    assert kind.observe(ready) is Seen.ABSENT
    run.failure.write_text("it ended")
    assert kind.observe(ready) is Seen.BROKEN
