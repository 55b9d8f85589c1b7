"""The figures of the acceptance checks, in small."""

from __future__ import annotations

import json

import pytest

from tests.simulation.hunt import compare
from tests.simulation.inventories import survey
from tests.simulation.long_run import RESULTS, digest, long_run
from tests.simulation.month import load, month
from tests.simulation.mutate_life import SURVIVORS, variants

KEPT = RESULTS / "million.json"


def test_no_unsound_signal_deletes_and_no_stranger_is_touched() -> None:
    found = survey(200, seed=1)
    assert (found.deleted, found.touched) == (0, 0)
    assert found.gone == found.controls == 200


def test_what_idles_stops_costing_in_time() -> None:
    found = month(days=3, resources=10)
    assert found.late <= 0
    assert 1 <= found.sweeps_to_gone <= 3
    assert found.left == 0
    assert found.lives > 20


def test_a_sweep_survives_its_own_time_limit() -> None:
    whole, limited = load(300), load(300, limit=10.0)
    assert whole.left == limited.left == 0
    assert whole.rounds == 1 < limited.rounds
    assert limited.effects <= 1.1 * whole.effects


def test_the_kept_run_is_of_this_code_and_replays() -> None:
    result = compare("million", 100)
    if not result.same_code:
        pytest.skip("the core changed: run `python -m tests.simulation long million 1000000`")
    assert (result.violations, result.different) == (0, [])


def test_the_digest_is_blind_to_what_does_not_run() -> None:
    assert digest() == digest()
    assert len(json.loads(KEPT.read_text())["digest"]) == 64


def test_a_long_run_goes_on_where_it_stopped(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("tests.simulation.long_run.RESULTS", tmp_path)
    monkeypatch.setattr("tests.simulation.long_run.CHUNK", 10)
    long_run("small", 20)
    first = (tmp_path / "small.hashes").read_bytes()
    tally = long_run("small", 30)
    assert (tmp_path / "small.hashes").read_bytes()[:40] == first
    assert len(tally.hashes) == 30
    assert json.loads((tmp_path / "small.json").read_text())["seeds"] == 30


def test_each_survivor_of_the_mutation_run_exists_and_has_a_reason() -> None:
    names = {variant.name for variant in variants()}
    listed = json.loads(SURVIVORS.read_text())
    assert set(listed) <= names
    assert all(len(reason) > 20 for reason in listed.values())
