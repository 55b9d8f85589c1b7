"""One contract for every registry: reads, the one write, races, scans."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from llmanager_sdk.core.life import SCHEMA, Failure, Life, Slot
from llmanager_sdk.core.ports import Registry
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.registry.form import BadSlot, dump, load
from llmanager_sdk.registry.rows import every_slot
from llmanager_sdk.registry.sqlite import SqliteRegistry
from llmanager_sdk.registry.typed_dynamodb import DynamoRegistry
from tests.registry.conftest import Open
from tests.servers import dynamodb

pytestmark = pytest.mark.xdist_group("dynamodb")

LIFE = Life(
    gen=3,
    spec=spec_of("model", "k", {"context": 8192, "file": "/é 你", "deep": {"x": [1, None, True]}}),
    names={"run": "main-k-3-ab"},
    phase="deleting",
    used_until=1795516622.9432735,
    holds={"h1": 1.5, "h2": 0.1 + 0.2},
    writers="*",
    pinned_until=7.0,
    stop=True,
    force=True,
    drain_until=8.25,
    worker="host:1:x",
    worker_until=9.0,
    born_at=1.0,
    ready_at=2.0,
    gone_at=3.0,
    error='it said: "no"\n',
    price=1.408,
    creator="anna",
)
FULL = Slot(
    "key/with ünï",
    next_gen=4,
    lives=(replace(LIFE, gen=1, phase="gone"), LIFE),
    failures={"d": Failure(2, 5.5, "why", True)},
    took={"d": 1.25},
)


def test_a_slot_comes_back_as_it_was(open_registry: Open) -> None:
    registry = open_registry("main")
    assert registry.read(FULL.key) == Slot(FULL.key)
    assert registry.swap(Slot(FULL.key), FULL)
    assert registry.read(FULL.key) == replace(FULL, rev=1)
    assert open_registry("main").read(FULL.key) == replace(FULL, rev=1)


def test_only_the_read_revision_can_be_written(open_registry: Open) -> None:
    registry = open_registry("main")
    empty = registry.read("k")
    assert registry.swap(empty, replace(empty, next_gen=2))
    assert not registry.swap(empty, replace(empty, next_gen=3))
    first = registry.read("k")
    assert registry.swap(first, first)
    assert not registry.swap(first, replace(first, next_gen=9))
    second = registry.read("k")
    assert (second.rev, second.next_gen) == (2, 2)
    assert not registry.swap(replace(second, rev=7), second)
    assert not registry.swap(Slot("never written", rev=3), Slot("never written"))


def test_namespaces_do_not_see_each_other(open_registry: Open) -> None:
    one, two = open_registry("one"), open_registry("two")
    assert one.swap(Slot("k"), Slot("k"))
    assert two.read("k").rev == 0
    assert list(two.scan().slots) == []
    assert two.swap(Slot("k"), Slot("k"))


def test_a_scan_goes_through_all_pages_in_order(open_registry: Open) -> None:
    registry = open_registry("main")
    assert list(registry.scan().slots) == []
    keys = [f"key-{number:03}" for number in range(250)]
    for key in reversed(keys):
        assert registry.swap(Slot(key), Slot(key))
    seen: list[str] = []
    cursor, pages = "", 0
    while True:
        page = registry.scan(cursor)
        seen += [slot.key for slot in page.slots]
        pages += 1
        cursor = page.cursor
        if not cursor:
            break
        late = f"key-{pages:03}-late"  # written meanwhile, before or behind the cursor
        assert registry.swap(Slot(late), Slot(late))
    assert set(keys) <= set(seen)
    assert seen == sorted(seen)
    assert pages >= 3


def test_all_slots_are_read_page_after_page(open_registry: Open) -> None:
    registry = open_registry("main")
    keys = [f"key-{number:03}" for number in range(130)]
    for key in keys:
        assert registry.swap(Slot(key), Slot(key))
    assert [slot.key for slot in every_slot(registry)] == keys


def test_a_newer_schema_is_told_and_its_lives_are_not_read(open_registry: Open) -> None:
    registry = open_registry("main")
    newer = replace(FULL, key="k", schema=SCHEMA + 1)
    assert registry.swap(Slot("k"), newer)
    assert registry.read("k") == Slot("k", rev=1, schema=SCHEMA + 1)


def race(registry: Registry, key: str, threads: int, rounds: int) -> int:
    """Threads race for each revision; how many rounds had not exactly one winner."""
    wins = [0] * rounds
    lock = threading.Lock()
    barrier = threading.Barrier(threads)

    def run(me: int) -> None:
        for number in range(rounds):
            slot = registry.read(key)
            barrier.wait(120)
            if registry.swap(slot, replace(slot, next_gen=number * threads + me)):
                with lock:
                    wins[number] += 1
            barrier.wait(120)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, range(threads)))
    assert registry.read(key).rev == rounds
    return sum(count != 1 for count in wins)


def test_of_32_threads_one_wins_each_of_200_rounds(open_registry: Open) -> None:
    assert race(open_registry("main"), "k", 32, 200) == 0


def _add(path: Path, url: str, times: int) -> int:
    registry: Registry = (
        DynamoRegistry("processes", "main", dynamodb.client(url), features=())
        if url
        else SqliteRegistry(path, "main")
    )
    done = 0
    while done < times:
        slot = registry.read("counter")
        done += registry.swap(slot, replace(slot, next_gen=slot.next_gen + 1))
    return done


@pytest.mark.parametrize("kind", ["sqlite", "dynamodb"])
def test_four_processes_lose_no_write(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("dynamodb_url") if kind == "dynamodb" else ""
    path = tmp_path / "r.sqlite"
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        counts = pool.starmap(_add, [(path, url, 50)] * 4)
    assert counts == [50] * 4
    registry: Registry = (
        DynamoRegistry("processes", "main", dynamodb.client(url), features=())
        if url
        else SqliteRegistry(path, "main")
    )
    assert registry.read("counter").next_gen == 201


def _write_for_ever(path: Path, told: Path) -> None:
    registry = SqliteRegistry(path, "main")
    with told.open("w") as file:
        while True:
            slot = registry.read("k")
            if registry.swap(slot, slot):
                file.write(f"{slot.rev + 1}\n")
                file.flush()


def test_a_writer_that_is_killed_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, told = tmp_path / "r.sqlite", tmp_path / "told"
    for _ in range(5):
        writer = multiprocessing.get_context("spawn").Process(
            target=_write_for_ever, args=(path, told)
        )
        writer.start()
        while not (told.exists() and told.stat().st_size > 200):
            assert writer.is_alive()
            os.sched_yield()
        assert writer.pid is not None
        os.kill(writer.pid, signal.SIGKILL)
        writer.join(60)
        acknowledged = int(told.read_text().split("\n")[-2])
        assert SqliteRegistry(path, "main").read("k").rev >= acknowledged
        told.unlink()


def test_what_is_no_slot_is_told() -> None:
    for text in ("", "{}", "[]", json.dumps({"next_gen": 1, "lives": [{}], "failures": {}})):
        with pytest.raises(BadSlot, match="cannot be read"):
            load("k", 1, SCHEMA, text)
    with pytest.raises(ValueError, match="JSON"):
        dump(Slot("k", took={"d": float("nan")}))
