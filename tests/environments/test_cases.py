"""Every row of the table of bad input and bad surroundings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import processes
from tests.environments.cases import CASES, Case
from tests.environments.run import good, possible, run
from tests.local.scenes import until

NAMESPACES = possible()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_a_typed_error_that_names_the_cure(
    case: Case, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case.mount and not NAMESPACES:
        pytest.skip("this process may not make a mount namespace")
    monkeypatch.setenv("HF_HUB_CACHE", str(home / "no-hub"))
    seen = run(case, home)
    assert good(case, seen), seen
    assert until(lambda: not processes(home), 60) < 60
