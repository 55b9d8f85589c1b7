"""What only SQLite does: files that are missing, broken, or in a bad place."""

from __future__ import annotations

import multiprocessing
import stat
import threading
from pathlib import Path

import pytest

from llmanager_sdk.core.life import Slot
from llmanager_sdk.errors import RegistryUnavailable
from llmanager_sdk.registry.sqlite import SqliteRegistry


def test_the_first_write_makes_a_file_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "r.sqlite"
    registry = SqliteRegistry(path, "main")
    assert registry.read("k").rev == 0
    assert not path.parent.exists()
    registry.swap(Slot("k"), Slot("k"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_is_no_database_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    path.write_text("nothing that SQLite wrote, and long enough to be looked at")
    for action in (
        lambda r: r.read("k"),
        lambda r: r.scan(),
        lambda r: r.swap(Slot("k"), Slot("k")),
    ):
        with pytest.raises(RegistryUnavailable, match="not a sound SQLite file") as caught:
            action(SqliteRegistry(path, "main"))
        assert "move it away" in caught.value.hint


def test_a_file_that_was_removed_is_an_empty_registry(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    registry = SqliteRegistry(path, "main")
    registry.swap(Slot("k"), Slot("k"))
    for each in tmp_path.iterdir():
        each.unlink()
    assert registry.read("k").rev == 0
    assert registry.swap(Slot("k"), Slot("k"))


def test_threads_and_forks_have_connections_of_their_own(tmp_path: Path) -> None:
    registry = SqliteRegistry(tmp_path / "r.sqlite", "main")
    registry.swap(Slot("k"), Slot("k"))
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(registry.read("k").rev))
    thread.start()
    thread.join()
    assert found == [1]
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(_rev, (registry.read("k"),)) == 1
    child = multiprocessing.get_context("fork").Process(target=_bump, args=(registry,))
    child.start()
    child.join()
    assert (child.exitcode, registry.read("k").rev) == (0, 2)


def _rev(slot: Slot) -> int:
    return slot.rev


def _bump(registry: SqliteRegistry) -> None:
    slot = registry.read("k")
    assert registry.swap(slot, slot)
