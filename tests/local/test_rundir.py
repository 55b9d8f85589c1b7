"""Run folders: their names, and who is found in them."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from llmanager_sdk.core import verbs
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import Life, Seen, Slot
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.local.model_kind import KEEP_LOGS_S
from llmanager_sdk.local.platform import LocalPlatform
from llmanager_sdk.local.rundir import RunDir, folders, release, slug
from llmanager_sdk.look import look
from llmanager_sdk.settings import Settings
from tests.local.test_never_stopped import Clock

KEYS = [
    "smollm2-135m-0a",
    "me/tiny-0a",
    "me-tiny-0a",
    "../../out",
    "..",
    "x" * 300,
    "a\0b",
    "ä",
    "",
    ".",
]


@pytest.fixture
def platform(tmp_path: Path) -> LocalPlatform:
    return LocalPlatform(Settings(home=tmp_path / "home"), Clock())


def record(platform: LocalPlatform, key: str, folder: str) -> Life:
    """A ready life that says that it is in that folder."""
    life = Life(1, spec_of("model", key, {}), {"run": folder}, "ready")
    assert platform.keeper.engine.registry.swap(Slot(key), Slot(key, next_gen=2, lives=(life,)))
    return life


def test_every_key_has_one_folder_of_its_own(platform: LocalPlatform, tmp_path: Path) -> None:
    names = [platform.models.name(spec_of("model", key, {}), 1, "0a")["run"] for key in KEYS]
    assert names[0] == "main-smollm2-135m-0a-1-0a"
    assert len(set(names)) == len(KEYS)
    for name in names:
        (tmp_path / name).mkdir()
    assert len(list(tmp_path.iterdir())) == len(KEYS)
    assert all(len(slug(key)) <= 64 for key in KEYS)


@pytest.mark.parametrize("folder", ["x" * 300, "a\0b", "x/" * 3000, "x/" + "y" * 300])
def test_a_row_with_an_impossible_folder_is_seen_and_ended(
    platform: LocalPlatform, folder: str
) -> None:
    engine = platform.keeper.engine
    record(platform, "bad", folder)
    record(platform, "good", "main-good-1-0a")
    assert [each.status.key for each in look(platform).costs()] == ["bad", "good"]
    run(verbs.stop(engine, "bad"), engine.clock)
    assert run(verbs.see_off(engine, "bad", 5.0), engine.clock)
    assert platform.models.logs(engine.registry.read("bad").lives[0], 5) == ""


def test_a_lock_that_cannot_be_read_is_unknown_and_hides_no_other(platform: LocalPlatform) -> None:
    life = record(platform, "bad", "main-bad-1-0a")
    record(platform, "good", "main-good-1-0a")
    lock = RunDir(platform.settings.home / "run" / "main-bad-1-0a").lock
    lock.parent.mkdir(parents=True)
    lock.symlink_to("lock")  # a loop
    assert platform.models.observe(life) is Seen.UNKNOWN
    assert platform.models.used_outside(life) is None
    assert [each.status.key for each in look(platform).costs()] == ["bad", "good"]


def test_a_row_that_cannot_be_looked_at_is_noted_and_hides_no_other(
    platform: LocalPlatform,
) -> None:
    life = record(platform, "bad", "main-bad-1-0a")
    registry = platform.keeper.engine.registry
    slot = registry.read("bad")
    assert registry.swap(slot, slot.with_life(replace(life, names={})))
    record(platform, "good", "main-good-1-0a")
    view = look(platform)
    assert [each.seen for each in view.looks] == [Seen.UNKNOWN, Seen.ABSENT]
    assert "bad" in view.notes[0]


def test_a_folder_whose_key_had_a_slash_is_listed_and_lives_as_long_as_it_is_held(
    platform: LocalPlatform,
) -> None:
    runs = platform.settings.home / "run"
    nested, ended = RunDir(runs / "main-me" / "tiny-1-0a"), RunDir(runs / "main-me" / "tiny-2-0b")
    lock, other = nested.claim(), ended.claim()
    assert lock is not None
    assert other is not None
    release(other)
    old = platform.models._clock.time() - 2 * KEEP_LOGS_S
    for path in (runs / "main-me", nested.path, ended.path):
        os.utime(path, (old, old))
    assert list(platform.models.list("main")) == [{"run": "main-me/tiny-1-0a"}]
    platform.models._prune()
    assert nested.path.exists()
    assert not ended.path.exists()
    release(lock)


def test_folders_that_others_delete_meanwhile_are_left_out(tmp_path: Path) -> None:
    lock = RunDir(tmp_path / "main-z").claim()
    assert lock is not None
    over = threading.Event()

    def others() -> None:
        while not over.is_set():
            for number in range(20):
                (tmp_path / f"main-{number}").mkdir()
            for number in range(20):
                (tmp_path / f"main-{number}").rmdir()

    thread = threading.Thread(target=others)
    thread.start()
    try:
        for _ in range(300):
            assert list(folders(tmp_path, "main-")) == [tmp_path / "main-z"]
    finally:
        over.set()
        thread.join()
        release(lock)


def test_a_forked_child_does_not_keep_a_lock(tmp_path: Path) -> None:
    folder = RunDir(tmp_path / "r")
    lock = folder.claim()
    assert lock is not None
    begun, begins = os.pipe()
    looked, looks = os.pipe()
    child = os.fork()
    if not child:
        os.write(begins, b"x")
        os.close(looks)
        os.read(looked, 1)  # until its parent has looked
        os._exit(0 if RunDir(tmp_path / "r").claim() is not None else 1)
    try:
        os.read(begun, 1)
        assert folder.held()
        release(lock)
        assert not folder.held()
    finally:
        os.close(looks)
        _, status = os.waitpid(child, 0)
        for each in (begun, begins, looked):
            os.close(each)
    assert status == 0


@pytest.mark.parametrize(("lines", "told"), [(0, ""), (-1, ""), (1, "b"), (9, "a\nb")])
def test_so_many_lines_and_no_more(tmp_path: Path, lines: int, told: str) -> None:
    folder = RunDir(tmp_path)
    folder.log.write_text("a\nb\n")
    assert folder.tail(lines) == told
