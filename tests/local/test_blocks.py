"""The end of a `with` block and of `destroy`: on the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmanager_sdk import ManagedLLM
from llmanager_sdk.cli import main
from tests.conftest import processes
from tests.local import scenes

pytestmark = pytest.mark.xdist_group("engines")


def test_another_model_of_one_call_goes_with_the_block_too(home: Path) -> None:
    path = str(next((home / "models").glob("*.gguf")))
    with ManagedLLM(max_tokens=4, idle_timeout=600, progress="off") as model:
        model.invoke("hello", model=path)
        assert processes(home)
    assert scenes.until(lambda: not processes(home), 15) < 15


def test_destroy_deletes_the_logs_by_object_and_by_command(home: Path) -> None:
    model = ManagedLLM(max_tokens=4, idle_timeout=60, progress="off")
    model.resource.warm()
    assert model.resource.logs()
    assert model.resource.destroy(yes=True).phase == "cold"
    assert model.resource.logs() == ""
    again = model.resource.warm()
    assert again.phase == "ready"  # a forced stop is known in the process that asked for it
    key = again.key
    model.resource.stop()
    assert list((home / "run").iterdir())
    assert main(["destroy", key, "--yes"]) == 0
    assert not list((home / "run").iterdir())
    assert not processes(home)
