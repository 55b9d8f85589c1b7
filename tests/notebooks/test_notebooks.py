"""Every notebook runs from its first cell to its last, and leaves nothing running."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import processes

FOLDER = Path(__file__).resolve().parent.parent.parent / "notebooks"


@pytest.mark.xdist_group("engines")
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_it_runs_and_leaves_nothing_running(path: Path, home: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=180, kernel_name="python3").execute()
    assert not processes(home)
    assert not [cell for cell in nbformat.read(path, as_version=4).cells if cell.get("outputs")]
