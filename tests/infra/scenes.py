"""A namespace with every case that a sweep meets, and what must have become of it afterwards."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from llmanager_sdk.testing.aws import Rules
from tests.infra.stage import HOUR, Stage

AT_ONCE = Rules(creating=0.0, updating=0.0, deleting=0.0, visible=0.0, any_quota=1000)
"""States that take no time."""
PRICE = 1.408


class Crowd:
    """Lives of all kinds in one namespace, and strangers.

    Args:
        stage: where they are put.
    """

    due: Mapping[str, str] = {
        "idle": "reaped",
        "half-way": "resumed: its deleter died",
        "given-up": "reaped: its creator died",
        "broken": "reaped: it failed",
        "ghost": "collected: up again after it was gone",
    }
    """Keys of what must go, and why."""
    spared: Mapping[str, str] = {
        "used": "its lease has not run out",
        "pinned": "its pin has not run out",
        "lately": "CloudWatch saw a use",
        "blind": "CloudWatch does not show its probe",
        "theirs": "another one is deleting it",
    }
    """Keys of what must stay, and why."""

    def __init__(self, stage: Stage) -> None:
        now = stage.aws.clock.time()
        dead = {"worker": "dead", "worker_until": now - HOUR}
        self.stage = stage
        self.names = {
            "idle": stage.life("idle"),
            "used": stage.life("used", until=HOUR),
            "pinned": stage.life("pinned", pinned_until=now + HOUR),
            "lately": stage.life("lately"),
            "blind": stage.life("blind", probed=False),
            "half-way": stage.life("half-way", "deleting", parts="model config", **dead),
            "given-up": stage.life("given-up", "creating", parts="model", **dead),
            "broken": stage.life("broken", "failed", **dead),
            "theirs": stage.life("theirs", "deleting", worker="alive", worker_until=now + HOUR),
            "ghost": stage.life("ghost", "gone", gone_at=now - HOUR),
        }
        stage.aws.services.invocations[self.names["lately"]].append(now)
        self.stranger = stage.create("model", f"llm-{stage.namespace}-stranger")
        self.elsewhere = stage.create("model", f"llm-other-{stage.namespace}")
        self._before = stage.left()

    def kept(self) -> set[str]:
        """Of all that was in SageMaker, what must still be there."""
        gone = tuple(self.names[key] for key in self.due)
        return {each for each in self._before if not each.endswith(gone)}


def until(done: Any, most: float = 60.0) -> Any:
    """What `done` answers once that is true, within so many seconds of this machine."""
    pause = threading.Event()
    for _ in range(int(most / 0.2)):
        if found := done():
            return found
        pause.wait(0.2)
    raise AssertionError(f"not within {most:.0f} s")
