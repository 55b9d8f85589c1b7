"""What engines on this machine wrote, once they are gone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path

from llmanager_sdk.local.rundir import RunDir


def forget(folder: Path, namespace: str, key: str, keep: Collection[str]) -> None:
    """Delete the run folders of the gone lives of one key.

    Args:
        folder: of all run folders.
        keep: the names of those whose lives are not gone.
    """
    name = re.compile(rf"{re.escape(f'{namespace}-{key}')}-\d+-[0-9a-f]+")
    for path in folder.glob(f"{namespace}-*"):
        if name.fullmatch(path.name) and path.name not in keep and not RunDir(path).held():
            shutil.rmtree(path, ignore_errors=True)
