"""Nothing spends more than its ceiling; a ceiling that forgets something is found out."""

from __future__ import annotations

from tests.simulation.ceiling import MUTANTS, crash, survey

SEEDS = 300
SOON = {"no-creating", "no-failures", "no-sweeps", "no-deleting"}
"""Found within so few seeds; `make accept ONLY=stack-6` finds all of `MUTANTS`."""


def test_no_schedule_spends_more_than_its_ceiling() -> None:
    found = survey(range(SEEDS))
    assert found.over == []
    assert found.paid > SEEDS / 2
    assert set(found.states) == {"creating", "ready", "failed", "deleting", "gone"}
    assert found.tightest[0] > 0.5, "a ceiling that nothing comes near to says nothing"
    assert set(found.found) >= SOON
    assert {each.name for each in MUTANTS} >= SOON


def test_a_seed_gives_the_same_run_again() -> None:
    assert crash(26) == crash(26)
