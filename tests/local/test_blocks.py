"""The end of a `with` block, for every engine that was used in it: on the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmanager_sdk import ManagedLLM
from tests.conftest import processes
from tests.local import scenes

pytestmark = pytest.mark.xdist_group("engines")


def test_another_model_of_one_call_goes_with_the_block_too(home: Path) -> None:
    path = str(next((home / "models").glob("*.gguf")))
    with ManagedLLM(max_tokens=4, idle_timeout=600, progress="off") as model:
        model.invoke("hello", model=path)
        assert processes(home)
    assert scenes.until(lambda: not processes(home), 15) < 15
