"""Every notebook runs from its first cell to its last, and leaves nothing running."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.aws.launch import inside
from tests.conftest import processes
from tests.servers import dynamodb

FOLDER = Path(__file__).resolve().parent.parent.parent / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
ON_AWS = FOLDER / "02_on_aws.ipynb"


@pytest.mark.xdist_group("engines")
@pytest.mark.parametrize("path", [x for x in PATHS if x != ON_AWS], ids=lambda path: path.stem)
def test_it_runs_and_leaves_nothing_running(path: Path, home: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=180, kernel_name="python3").execute()
    assert not processes(home)


@pytest.mark.xdist_group("engines")
@pytest.mark.skipif(bool(dynamodb.missing()), reason="DynamoDB Local cannot run here")
def test_the_one_on_aws_runs_and_leaves_nothing_in_the_account(home: Path) -> None:
    notebook = nbformat.read(ON_AWS, as_version=4)
    with inside(fast=True) as account:
        client = NotebookClient(notebook, timeout=480, kernel_name="python3")
        client.execute(cwd=str(account.folder), env=dict(account.environ))
        assert account.left() == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_no_outputs_are_kept(path: Path) -> None:
    assert not [cell for cell in nbformat.read(path, as_version=4).cells if cell.get("outputs")]
