"""One engine for everybody, whoever is killed: real processes, real engine."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.local import scenes

RECOVERY = SOON = 60.0
"""On any machine; `make accept` has the promised seconds."""

pytestmark = pytest.mark.xdist_group("engines")


def test_many_first_users_start_one_engine_which_goes_by_itself(home: Path) -> None:
    seen = scenes.crowd(home, users=4, threads=4, idle=3.0)
    assert (seen.started, seen.errors) == (1, [])
    assert scenes.until(lambda: not scenes.processes(home), SOON) < SOON


@pytest.mark.parametrize("after", [0.4, 0.9, random.Random(7).uniform(1.0, 3.0)])
def test_the_next_use_recovers_from_a_killed_creator(home: Path, after: float) -> None:
    assert scenes.creator_killed(home, after) < RECOVERY


@pytest.mark.parametrize("victim", ["engine", "host"])
def test_a_killed_engine_is_a_typed_error_and_the_next_use_recovers(
    home: Path, victim: str
) -> None:
    error, seconds = scenes.engine_killed(home, victim)
    assert error == "AnswerBroken"
    assert seconds < RECOVERY


def test_a_killed_user_leaves_nothing_behind(home: Path) -> None:
    assert scenes.user_killed(home, idle=2.0) < SOON
