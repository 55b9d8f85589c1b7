"""The named bad cases: each goes well, and goes wrong without its mechanism."""

from __future__ import annotations

import pytest

from tests.core import scenarios_creating, scenarios_people, scenarios_using
from tests.core.scenario import SCENARIOS, Scenario

ASKED = {
    "first use by three processes",
    "Ctrl-C while creating, then a rerun, then nobody",
    "a 10-minute stream while the registry is unreachable",
    "a laptop that slept mid-call",
    "a creator paused past its claim and past the life's death",
    "a reaper paused between read and write",
    "two namespaces in one account",
    "a policy change under load",
    "`replace` under load",
    "a person deletes the endpoint in the console",
    "the registry table is lost and comes back empty",
    "a crash-looping container",
    "metrics missing, late, NaN, in the future",
}
"""The cases that `docs/reliability.md` promises."""


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.name)
def test_it_goes_well(case: Scenario) -> None:
    assert case.holds()


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.name)
def test_it_goes_wrong_without_its_mechanism(case: Scenario) -> None:
    assert case.fails_without()


def test_no_case_is_missing() -> None:
    modules = (scenarios_creating, scenarios_people, scenarios_using)
    assert all(module.__doc__ for module in modules)
    assert {case.name for case in SCENARIOS} >= ASKED
