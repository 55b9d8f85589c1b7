"""A killed add is completed by the same call: every document once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.vector_store.crash import COUNT, crash_and_add_again


@pytest.mark.parametrize("ids", ["given", "derived"])
def test_the_same_call_again_completes_what_was_killed(home: Path, ids: str) -> None:
    seen = crash_and_add_again("crash", ids, 3, random.Random(3))
    assert (seen.torn, seen.documents, seen.distinct) == (0, COUNT, COUNT)
