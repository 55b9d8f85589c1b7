"""Small datasets for tests: rows, vectors, and what other processes do with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.local.lance.limits import Limits
from llmanager_sdk.local.lance.opened import open_dataset
from llmanager_sdk.ports.vectors import Dataset, Row

WHO = {"model": "none"}
WIDTH = 16
TINY = Limits(index_from=300, few=30, small=6, unindexed=100, versions=40)
"""Limits that a small store reaches."""


def made(numbers: Sequence[int], tag: str = "") -> tuple[list[Row], Any]:
    """Rows and their vectors, which depend on their numbers only."""
    rows = [Row(f"{i}", f"passage number {i} {tag}", {"n": i, "tag": tag}) for i in numbers]
    return rows, np.stack([vector(i) for i in numbers])


def vector(number: int) -> Any:
    """The vector of a number, at unit length."""
    found = np.random.default_rng(number).standard_normal(WIDTH).astype(np.float32)
    return found / np.linalg.norm(found)


def add(dataset: Dataset, numbers: Sequence[int], tag: str = "") -> None:
    """Add them in one commit."""
    rows, vectors = made(numbers, tag)
    dataset.add(rows, vectors, WHO)


def add_in_process(folder: Path, name: str, numbers: Sequence[int], size: int, tag: str) -> None:
    """What a writer process does: commits of `size`."""
    dataset = LanceDataset(folder, name, TINY)
    for start in range(0, len(numbers), size):
        add(dataset, numbers[start : start + size], tag)


def add_anywhere(folder: Path, name: str, numbers: Sequence[int], tag: str) -> None:
    """What any process may do, a forked one too."""
    dataset = open_dataset(folder, name)
    add(dataset, numbers, tag)
    assert nearest(dataset, numbers[0]) == [str(numbers[0])]


def nearest(dataset: Dataset, number: int, mode: Any = "dense", k: int = 1) -> list[str]:
    """The ids that are nearest to a number's vector."""
    return [hit.row.id for hit in dataset.search(vector(number), "", k, None, mode)]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
