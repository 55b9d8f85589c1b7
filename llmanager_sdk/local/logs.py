"""What engines on this machine wrote, once they are gone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path

from llmanager_sdk.local.rundir import RunDir


def forget(folder: Path, runs: Collection[str], keep: Collection[str]) -> None:
    """Delete the run folders of the gone lives of one key, those that no row knows too.

    Args:
        folder: of all run folders.
        runs: the names of those that are known.
        keep: the names of those whose lives are not gone.
    """
    for path in {folder / run.rsplit("-", 2)[0] for run in runs}:  # without number and token
        name = re.compile(rf"{re.escape(path.name)}-\d+-[0-9a-f]+")
        kept = {folder / run for run in keep}
        for each in path.parent.glob("*"):
            if name.fullmatch(each.name) and each not in kept and not RunDir(each).held():
                shutil.rmtree(each, ignore_errors=True)
