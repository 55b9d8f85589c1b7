"""One dataset and many processes: writers, readers, forked children."""

from __future__ import annotations

import threading
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk.errors import (
    InvalidVector,
    LLManagerError,
    StoreError,
    StoreNotWritable,
)
from llmanager_sdk.local.lance import helper
from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.local.lance.limits import Limits
from llmanager_sdk.local.lance.opened import open_dataset
from llmanager_sdk.local.lance.turn import turn
from llmanager_sdk.ports.vectors import Row
from tests.local.stores import (
    TINY,
    WHO,
    WIDTH,
    add,
    add_anywhere,
    add_in_process,
    nearest,
    vector,
)


@pytest.fixture
def dataset(tmp_path: Path) -> LanceDataset:
    return LanceDataset(tmp_path / "stores", "s", TINY)


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_rows_of_another_process_are_seen_by_the_next_query(
    dataset: LanceDataset, tmp_path: Path, method: Any
) -> None:
    add(dataset, range(10))
    assert nearest(dataset, 77) != ["77"]
    arguments = (tmp_path / "stores", "s", [77], "foreign")
    process = get_context(method).Process(target=add_anywhere, args=arguments)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    for mode in ("dense", "exact"):
        assert nearest(dataset, 77, mode) == ["77"]
    assert [x.row.id for x in dataset.search(None, "foreign", 1, None, "text")] == ["77"]


def test_many_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    """Some ids are everybody's, the others are one writer's; upkeep runs among them."""
    folder = tmp_path / "stores"
    context = get_context("spawn")
    shared = list(range(1000, 1010))
    jobs = [
        (folder, "s", [*range(100 * i, 100 * i + 60), *shared, *range(100 * i + 60, 100 * i + 100)])
        for i in range(4)
    ]
    writers = [context.Process(target=add_in_process, args=(*job, 11, "w")) for job in jobs]
    for writer in writers:
        writer.start()
    reader = LanceDataset(folder, "s", TINY)
    seen = [0]
    while any(writer.is_alive() for writer in writers):
        found = reader.search(vector(5), "", 2000, None, "exact")
        assert len({hit.row.id for hit in found}) == len(found)
        assert len(found) >= seen[-1], "rows went away"
        seen.append(len(found))
    assert [writer.exitcode for writer in writers] == [0] * 4
    wanted = {str(i) for i in (*range(400), *shared)}
    assert {row.id for row in reader.get(sorted(wanted))} == wanted
    assert reader.count() == len(wanted)
    assert len(set(seen)) > 3


def test_threads_share_one_dataset(dataset: LanceDataset) -> None:
    add(dataset, range(50))
    errors: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:
            errors.append(error)

    def read() -> None:
        for i in range(40):
            assert nearest(dataset, i, "exact") == [str(i)]

    def write(start: int) -> None:
        for i in range(start, start + 20):
            add(dataset, [i])

    jobs = [read, read, read, lambda: write(100), lambda: write(200)]
    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert dataset.count() == 90


def test_children_that_are_forked_under_load_go_on_with_the_store(
    dataset: LanceDataset, tmp_path: Path
) -> None:
    """Lance itself crashes there, one time in three."""
    add(dataset, range(10))
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            add(dataset, [500])
            nearest(dataset, 500)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for i in range(3):
            arguments = (tmp_path / "stores", "s", range(1000 + i, 1003 + i), "child")
            child = get_context("fork").Process(target=add_anywhere, args=arguments)
            child.start()
            child.join(60)
            assert child.exitcode == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert nearest(dataset, 1004) == ["1004"]


def _typed(dataset: LanceDataset) -> None:
    with pytest.raises(StoreError, match="forked") as caught:
        LanceDataset(dataset._table.folder, "s").count()
    assert caught.value.hint
    helped = open_dataset(dataset._table.folder, "s")
    with pytest.raises(InvalidVector):
        helped.add([Row("x", "x", {})], [[0.0] * WIDTH], WHO)
    assert helped.count() == 1
    helper._helper._process.kill()  # type: ignore[union-attr]
    assert helped.count() == 1
    assert helped.search(vector(1), "", 1, None, "exact", True)[0].vector.shape == (WIDTH,)


def test_a_forked_child_has_typed_errors_and_replaces_a_dead_helper(
    dataset: LanceDataset,
) -> None:
    add(dataset, [1])
    child = get_context("fork").Process(target=_typed, args=(dataset,))
    child.start()
    child.join(60)
    assert child.exitcode == 0


def _wait(parent: Any) -> None:
    parent.recv()


def test_a_forked_child_does_not_keep_its_parents_turn(dataset: LanceDataset) -> None:
    add(dataset, [1])
    mine, childs = get_context("fork").Pipe()
    with dataset._table.writing():
        child = get_context("fork").Process(target=_wait, args=(childs,))
        child.start()
    try:
        add(dataset, [2])
    finally:
        mine.send("end")
        child.join(30)
    assert dataset.count() == 2


def test_a_writer_that_never_ends_is_named_after_a_while(tmp_path: Path) -> None:
    dataset = LanceDataset(tmp_path, "s", Limits(wait_s=0.2))
    add(dataset, [1])
    with (
        turn(tmp_path / ".s.lock", 1),
        pytest.raises(StoreNotWritable, match=r"has been writing") as caught,
    ):
        add(dataset, [2])
    assert caught.value.hint
    assert nearest(dataset, 1) == ["1"]
    add(dataset, [2])
    assert dataset.count() == 2


def test_errors_are_typed_where_the_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "stores").write_text("a file")
    dataset = LanceDataset(tmp_path / "stores", "s")
    with pytest.raises(LLManagerError):
        add(dataset, [1])


def test_one_process_shares_one_dataset_of_a_name(tmp_path: Path) -> None:
    one, other = (open_dataset(tmp_path, "s") for _ in range(2))
    assert one is other
    assert open_dataset(tmp_path, "t") is not one
