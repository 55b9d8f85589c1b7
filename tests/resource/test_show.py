"""Progress for people, and what a status says in words."""

from __future__ import annotations

import io
import logging
import sys
from dataclasses import replace

import pytest

from llmanager_sdk.core.life import Failure, Life, Slot
from llmanager_sdk.core.ports import Progress
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.local.timing import LOCAL
from llmanager_sdk.resource.show import line, reporter
from llmanager_sdk.resource.static import Static
from llmanager_sdk.resource.status import Status, duration, of_slot

START = Progress("key", "starting", "starting", 1.0, 8.0)


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_callback_hears_what_is_new_and_a_sign_of_life_each_second() -> None:
    heard: list[Progress] = []
    tell = reporter("model", heard.append)
    for tenths in range(30):
        tell(START._replace(elapsed_s=tenths / 10))
    tell(START._replace(phase="ready", message="it is up", elapsed_s=3.0))
    assert [x.elapsed_s for x in heard] == [0.0, 1.0, 2.0, 3.0]


def test_a_callback_that_raises_breaks_nothing_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Progress] = []

    def broken(progress: Progress) -> None:
        heard.append(progress)
        raise ZeroDivisionError

    tell = reporter("model", broken)
    tell(START)
    tell(START._replace(phase="ready", message="it is up"))
    assert len(heard) == 1
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert caplog.records[0].exc_info


@pytest.mark.parametrize("closed", [io.StringIO(), Screen()])
def test_a_closed_terminal_fails_no_start(monkeypatch: pytest.MonkeyPatch, closed: Screen) -> None:
    monkeypatch.setattr(sys, "stderr", closed)
    before = reporter("model")
    closed.close()
    for tell in (before, reporter("model")):
        tell(START)
        tell(START._replace(phase="ready", message="it is up"))


def test_a_terminal_has_one_line_that_is_drawn_over_and_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    one, two = reporter("model"), reporter("model")
    one(START._replace(elapsed_s=0.1))
    assert screen.getvalue() == ""
    one(START)
    two(START)
    one(START._replace(phase="ready", message="it is up", elapsed_s=2.0))
    told = screen.getvalue()
    assert told.count("starting") == 1
    assert told.endswith("model: it is up, 2 s of about 8 s\n")


def test_off_is_silent_but_for_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with caplog.at_level(logging.INFO, "llmanager_sdk"):
        reporter("model", "off")(START)
    assert screen.getvalue() == ""
    assert caplog.messages == ["model: starting"]


def test_lines_and_durations() -> None:
    assert line("m", START._replace(estimate_s=None)) == "m: starting, 1 s"
    words = [duration(x) for x in (5, 119, 180, 7200, 3 * 86400)]
    assert words == ["5 s", "119 s", "3 min", "2 h", "3 d"]


LIFE = Life(1, spec_of("model", "k", {}), {}, "ready", used_until=100.0)


@pytest.mark.parametrize(
    ("life", "phase", "words"),
    [
        (LIFE, "ready", "goes in 92 s unless it is used"),
        (replace(LIFE, pinned_until=200.0), "ready", "(pinned)"),
        (replace(LIFE, used_until=1.0), "ready", "goes at the next look"),
        (replace(LIFE, stop=True), "stopping", "a person stopped it"),
        (replace(LIFE, phase="deleting"), "deleting", "is being deleted"),
        (replace(LIFE, phase="gone"), "cold", "nothing runs"),
    ],
)
def test_a_status_says_when_it_goes_and_why(life: Life, phase: str, words: str) -> None:
    found = of_slot(Slot("k", lives=(life,)), 10.0, LOCAL)
    assert found["phase"] == phase
    assert words in found["leaves"]


def test_a_status_says_why_the_last_start_failed() -> None:
    slot = Slot("k", failures={"d": Failure(2, 70.0, "no weights")})
    found = of_slot(slot, 10.0, LOCAL)
    assert (found["error"], found["retry_after_s"]) == ("no weights", 60.0)
    assert of_slot(slot, 80.0, LOCAL)["error"] == ""


async def test_what_has_no_lifecycle_has_the_verbs_too() -> None:
    done: list[str] = []
    thing = Static(
        lambda: Status("k", "dataset", "local", "on disk"),
        warm=lambda: done.append("warm"),
        stop=lambda: done.append("stop"),
        destroy=lambda: done.append("destroy"),
        what="everything",
    )
    with pytest.raises(ConfigurationError, match="everything"):
        await thing.adestroy()
    await thing.awarm()
    await thing.adestroy(yes=True)
    assert done == ["warm", "stop", "destroy"]
    assert (await thing.apin("1h")).phase == "on disk"
    assert await thing.alogs() == ""
    assert str(await thing.astop()) == "dataset k on local: on disk"
