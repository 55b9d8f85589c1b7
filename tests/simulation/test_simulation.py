"""The core under a hostile scheduler: nothing breaks, and what is planted is found."""

from __future__ import annotations

import pytest

from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.explore import CASES, explore
from llmanager_sdk.testing.faults import Scripted
from llmanager_sdk.testing.shrink import least, shrink
from llmanager_sdk.testing.simulation import simulate
from llmanager_sdk.testing.timeline import lines
from tests.simulation.hunt import SEEDS, WITHIN, explored, hunt, play
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.rewrite import Change, MissingTarget, rewritten

PARTS = 8
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
EASY = (
    "lowered-deadline",
    "no-margin",
    "fixed-name",
    "deletes-not-resumed",
    "failed-kept",
    "silent-user",
    "ready-without-cas",
)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_schedule_breaks_an_invariant(part: int) -> None:
    tally = play(range(part * SEEDS // PARTS, (part + 1) * SEEDS // PARTS))
    assert tally.violations == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_planted_fault_is_found(mutant: Mutant) -> None:
    assert hunt(mutant, WITHIN) is not None


def test_there_are_enough_planted_faults() -> None:
    assert len(MUTANTS) >= 16
    assert len(BY_NAME) == len(MUTANTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_single_fault_breaks_a_small_case(case: object) -> None:
    found = explore(Code(), 1, (case,))  # type: ignore[arg-type]
    assert found.violation is None
    assert found.runs > 100


@pytest.mark.parametrize("name", EASY)
def test_the_explorer_finds_it_without_luck(name: str) -> None:
    assert explored(BY_NAME[name]).violation is not None


def test_a_seed_gives_the_same_run_again() -> None:
    one, two = simulate(11, timeline=True), simulate(11)
    assert one.trace == two.trace
    assert one.script == two.script
    assert len({simulate(seed).trace for seed in range(50)}) > 45


def test_a_failing_seed_shrinks_and_reads_as_a_timeline() -> None:
    catch = hunt(BY_NAME["toucher-without-cas"])
    assert catch is not None
    small = shrink(catch.seed, catch.mutant.code())
    assert small is not None
    assert small.outcome.violation is not None
    assert small.outcome.violation.name == catch.violation.name
    whole = simulate(catch.seed, catch.mutant.code())
    assert len(small.outcome.script) < len(whole.script)
    text = "\n".join(lines(small.outcome.timeline))
    assert "touch -> True" in text  # a write is told by what it does


def test_a_healthy_seed_does_not_shrink() -> None:
    assert shrink(3) is None


def test_least_keeps_what_it_takes() -> None:
    assert least(range(20), lambda chosen: {3, 11} <= set(chosen)) == [3, 11]
    assert least([1, 2], lambda chosen: True) == []


def test_a_script_strikes_only_where_a_fault_makes_sense() -> None:
    found = explore(BY_NAME["silent-user"].code(), 1)
    assert found.script is not None
    assert Scripted(found.script).script == found.script


def test_a_rewrite_without_a_target_fails_loudly() -> None:
    with pytest.raises(MissingTarget, match="found 0 times"):
        rewritten([Change("life._ready", "nobody_wrote_this", "True")])
    with pytest.raises(MissingTarget, match="no '_there_is_none'"):
        rewritten([Change("life._there_is_none", "True", "False")])


def test_every_step_of_a_life_and_every_crash_point_is_exercised() -> None:
    tally = play(range(6000))
    moves, crashes = set(tally.counts["moves"]), set(tally.counts["crashes"])
    assert MOVES - moves == set()
    points = {f"{doing} | {side}" for doing in CRASH_POINTS for side in ("before", "after")}
    assert points - crashes == set()


MOVES = {
    "nothing -> creating birth",
    "creating -> creating taken over",
    "creating -> ready",
    "creating -> failed",
    "creating -> deleting given up",
    "creating -> deleting stopped",
    "ready -> deleting idle",
    "ready -> deleting stopped",
    "ready -> failed",
    "failed -> deleting idle",
    "deleting -> deleting resumed",
    "deleting -> gone",
    "gone -> nothing forgotten",
}
"""All steps that a life may take."""

CRASH_POINTS = (
    "birth",
    "create config",
    "create endpoint",
    "finish",
    "creating -> ready",
    "claim again",
    "touch",
    "take over",
    "creating -> failed",
    "ready -> failed",
    "failed -> deleting",
    "creating -> deleting",
    "ready -> deleting",
    "delete",
    "deleting -> gone",
    "resume",
    "stop",
    "drain",
)
"""Where create, touch, take-over, fail, delete, resume and stop may be cut off."""
