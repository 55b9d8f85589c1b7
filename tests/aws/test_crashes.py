"""A container that ends again and again, told from one that starts with some noise."""

from __future__ import annotations

import pytest

from llmanager_sdk.aws.crashes import APART_S, CRASHES, Line, ends
from llmanager_sdk.errors import StartFailed
from llmanager_sdk.testing.aws import FakeAws
from llmanager_sdk.testing.aws.rules import ENDS, STARTS
from tests.aws.clocks import Turned
from tests.aws.conftest import Make
from tests.aws.flows import ensure, want

SURVIVED = [Line(at, text) for at, text in enumerate(STARTS)]


def again(*texts: str, every: float = APART_S, times: int = 4) -> list[Line]:
    """They are written again and again."""
    return [Line(every * n + i, x) for n in range(times) for i, x in enumerate(texts)]


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([], 0),
        (SURVIVED, 0),
        (again("Traceback (most recent call last):"), 0),
        (again(*ENDS, times=1), 1),
        (again(*ENDS), 4),
        (again(*STARTS, *ENDS), 4),
        (again(*STARTS), 3),
        (again("container exited with code 137"), 4),
        (again("worker exited with code 0"), 0),
        (again("WARN exited: llm_engine (exit status 1; not expected)"), 4),
        (again("INFO gave up: llm_engine entered FATAL state, too many start retries"), 4),
        (again("CUDA out of memory", every=APART_S / 4, times=9), 3),
        (again("[2026-11-27] INFO engine.py:156: server_args=ServerArgs(model_path='x'"), 3),
        (again("INFO  ModelServer Starting djl-serving: 0.38.0 ..."), 3),
        (again('INFO text_embeddings_router: router/src/main.rs:216: Args { model_id: "x"'), 3),
        (again('"GET /ping HTTP/1.1" 503', every=APART_S, times=50), 0),
    ],
)
def test_how_often_a_server_ended(lines: list[Line], count: int) -> None:
    assert ends(lines) == count


def test_tracebacks_of_a_start_that_goes_well_are_no_crashes(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    aws.rules.creating = 900.0
    platform = make()
    platform.beats.beat("test")
    life = ensure(platform, want()).life
    assert life.phase == "ready"
    assert platform.endpoints.logs(life, 20).count("Traceback") == 2


@pytest.mark.parametrize("crashes", range(CRASHES))
def test_a_container_that_ended_a_few_times_may_come_up(
    aws: FakeAws, make: Make, clock: Turned, crashes: int
) -> None:
    aws.rules.creating = 1200.0
    platform = make()
    platform.beats.beat("test")
    wrote = aws.services.wrote

    def log(endpoint: str, text: str) -> None:
        """What it wrote in the time before."""
        for n in range(crashes):
            aws.services.lines[endpoint] += [(clock.now - 900 + 300 * n, x) for x in ENDS]
        wrote(endpoint, text)
        aws.sagemaker._log = wrote

    aws.sagemaker._log = log
    assert ensure(platform, want()).life.phase == "ready"


def test_the_last_words_of_one_that_is_given_up_are_told(aws: FakeAws, make: Make) -> None:
    aws.rules.crashing.add("org/tiny")
    platform = make()
    platform.beats.beat("test")
    with pytest.raises(StartFailed, match="ended again and again") as caught:
        ensure(platform, want(health_timeout_s=3600))
    assert "Its last words:\n" in str(caught.value)
    assert ENDS[-1] in str(caught.value)
