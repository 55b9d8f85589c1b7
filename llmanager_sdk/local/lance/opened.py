"""The dataset of a name: in this process, or, in a forked one that must not, in a helper's."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakValueDictionary

from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.local.lance.helper import HelpedDataset
from llmanager_sdk.local.lance.inherited import inherited
from llmanager_sdk.ports.vectors import Dataset

_shared: WeakValueDictionary[tuple[Path, str], LanceDataset] = WeakValueDictionary()


def open_dataset(folder: Path, name: str) -> Dataset:
    """The store of that name. All of one process share what is kept in memory of it.

    Args:
        folder: of all stores.
    """
    if inherited():
        return HelpedDataset(folder, name)
    return _shared.setdefault((folder, name), LanceDataset(folder, name))
