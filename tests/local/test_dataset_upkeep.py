"""Compaction and indexes happen behind writes, and files stay bounded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.local.lance.turn import turn
from tests.local.stores import TINY, add, nearest, until


def files(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())


def test_many_small_adds_leave_a_bounded_number_of_files(tmp_path: Path) -> None:
    dataset = LanceDataset(tmp_path, "s", replace(TINY, keep_s=0.1))
    most = 0
    for i in range(150):
        add(dataset, [i])
        most = max(most, files(tmp_path))
    # Each add makes three files or more: without upkeep there would be 450.
    assert most < 320
    until(lambda: int(dataset.describe()["fragments"]) <= 4 * TINY.small)
    assert dataset.count() == 150
    assert nearest(dataset, 149, "exact") == ["149"]


def test_indexes_come_by_themselves_once_a_store_is_large_enough(tmp_path: Path) -> None:
    dataset = LanceDataset(tmp_path, "s", TINY)
    add(dataset, range(TINY.index_from - 1))
    assert set(dataset.describe()["indexes"]) == {"text"}
    add(dataset, range(TINY.index_from - 1, TINY.index_from + 10))
    until(lambda: set(dataset.describe()["indexes"]) == {"text", "id", "vector"})
    add(dataset, range(1000, 1200))
    until(lambda: all(x["waiting"] <= 100 for x in dataset.describe()["indexes"].values()))


def test_upkeep_is_left_to_the_one_who_is_at_it(tmp_path: Path) -> None:
    dataset = LanceDataset(tmp_path, "s", TINY)
    with turn(tmp_path / ".s.upkeep", 0):
        for i in range(TINY.small + 2):
            add(dataset, [i])
        dataset._upkeep.run()
        assert dataset.describe()["fragments"] == TINY.small + 2
    dataset.optimize()
    assert dataset.describe()["fragments"] < TINY.small


def test_a_writer_whose_threads_end_too_soon_compacts_by_itself(tmp_path: Path) -> None:
    dataset = LanceDataset(tmp_path, "s", TINY)
    with turn(tmp_path / ".s.upkeep", 0):
        for i in range(4 * TINY.small + 1):
            add(dataset, [i])
        until(lambda: dataset._upkeep._thread is None or not dataset._upkeep._thread.is_alive())
    version = dataset.describe()["version"]
    add(dataset, [999])
    assert dataset.describe()["fragments"] < TINY.small
    assert dataset.describe()["version"] > version + 1


def test_upkeep_that_fails_does_not_fail_the_write(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = LanceDataset(tmp_path, "s", TINY)
    (tmp_path / ".s.upkeep").mkdir(parents=True)
    for i in range(5 * TINY.small):
        add(dataset, [i])
    assert dataset.count() == 5 * TINY.small
    assert "could not be compacted" in caplog.text
