"""Search: dense, exact, by words, hybrid; with indexes, without, beyond memory, on old versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmanager_sdk.filters import matches, parse
from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.local.lance.search import fuse
from llmanager_sdk.ports.vectors import Row
from tests.local.stores import TINY, WHO, add, nearest, until, vector

COUNT = 900
SMALL_MEMORY = replace(TINY, vectors=0, documents=0)


@pytest.fixture(params=[TINY, SMALL_MEMORY], ids=["in memory", "beyond memory"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> LanceDataset:
    """Indexed rows, some that are not, some that were replaced, some that are gone."""
    dataset = LanceDataset(tmp_path, "s", request.param)
    for start in range(0, COUNT - 100, 200):
        add(dataset, range(start, start + 200))
    dataset.optimize()
    add(dataset, range(COUNT - 100, COUNT - 10))
    dataset.optimize()
    add(dataset, range(COUNT - 10, COUNT))
    add(dataset, [3, 4], "replaced")
    dataset.delete(["5", "700"])
    assert {x for x, y in dataset.describe()["indexes"].items() if y["rows"]} == {
        "id",
        "text",
        "vector",
    }
    return dataset


def truth(number: int, k: int, where: Any = None) -> list[str]:
    there = [i for i in range(COUNT) if i not in (5, 700)]
    kept = [i for i in there if where is None or matches(where, {"n": i})]
    scores = np.stack([vector(i) for i in kept]) @ vector(number)
    return [str(kept[i]) for i in np.argsort(-scores)[:k]]


@pytest.mark.parametrize(
    "wanted", [None, {"n": {"$gte": 895}}, {"n": {"$lt": 500}}, {"n": {"$in": [1, 5, 899]}}]
)
def test_the_best_rows_are_found(dataset: LanceDataset, wanted: Any) -> None:
    where = parse(wanted)
    recall = []
    for number in range(0, COUNT, 45):
        true = truth(number, 10, where)
        found = dataset.search(vector(number), "", 10, where, "exact")
        assert [hit.row.id for hit in found] == true
        dense = [hit.row.id for hit in dataset.search(vector(number), "", 10, where, "dense")]
        assert len(dense) == len(true)
        recall.append(len(set(true) & set(dense)) / len(true))
    assert np.mean(recall) >= 0.99


@pytest.mark.parametrize("k", [10**7, 2**31, 2**63])
@pytest.mark.parametrize("mode", ["dense", "exact", "text", "hybrid"])
def test_who_asks_for_more_rows_than_there_are_gets_all(
    dataset: LanceDataset, tmp_path: Path, mode: Any, k: int
) -> None:
    for wanted, count in ((None, COUNT - 2), ({"n": {"$gte": 600}}, 299)):
        found = dataset.search(vector(1), "passage", k, parse(wanted), mode, True)
        assert len({hit.row.id for hit in found}) == count
    without_index = LanceDataset(tmp_path, "small")
    add(without_index, range(30))
    assert len(without_index.search(vector(1), "passage", k, None, mode)) == 30


def test_scores_are_cosines_and_do_not_depend_on_lengths(dataset: LanceDataset) -> None:
    dataset.add([Row("long", "", {})], 1000 * vector(7)[None], WHO)
    for mode in ("dense", "exact"):
        found = dataset.search(0.001 * vector(7), "", 3, None, mode, True)
        assert {hit.row.id for hit in found[:2]} == {"7", "long"}
        assert [hit.score for hit in found[:2]] == pytest.approx([1, 1], abs=1e-4)
        expected = [float(hit.vector @ vector(7)) for hit in found]
        assert [hit.score for hit in found] == pytest.approx(expected, abs=1e-4)
        assert np.linalg.norm(found[0].vector) == pytest.approx(1)


def test_words_find_new_replaced_and_no_deleted_rows(dataset: LanceDataset) -> None:
    def words(text: str, k: int = 5, wanted: Any = None) -> list[str]:
        return [hit.row.id for hit in dataset.search(None, text, k, parse(wanted), "text")]

    assert words("number 895")[0] == "895"
    assert words("replaced") in (["3", "4"], ["4", "3"])
    assert "700" not in words("700", 1000)
    assert set(words("passages", 1000, {"n": {"$gte": 896}})) == {"896", "897", "898", "899"}
    assert words("passage", 1000, {"n": -1}) == []
    assert words("  ") == words("?!") == words("nowhere") == []
    assert len(words("passage", 2000)) == COUNT - 2


def test_hybrid_finds_what_either_way_finds(dataset: LanceDataset) -> None:
    found = dataset.search(vector(17), "42", 5, None, "hybrid")
    assert {"17", "42"} <= {hit.row.id for hit in found[:3]}
    both = dataset.search(vector(42), "42", 5, None, "hybrid")
    assert (both[0].row.id, both[0].score) == ("42", pytest.approx(1))
    kept = dataset.search(vector(17), "17", 5, parse({"n": {"$lt": 40}}), "hybrid")
    assert kept[0].row.id == "17"
    assert all(hit.row.metadata["n"] < 40 for hit in kept)


def test_fusion_adds_reciprocal_ranks() -> None:
    fused = dict(fuse([[(1, 9.0), (2, 8.0)], [(2, 0.3), (3, 0.2)]], 10))
    scale = 61 / 2
    assert fused == pytest.approx(
        {2: scale * (1 / 61 + 1 / 62), 1: scale / 61, 3: scale / 62}, rel=1e-9
    )
    assert next(iter(fused)) == 2


def test_words_are_found_without_their_index_and_nothing_is_written(tmp_path: Path) -> None:
    import lancedb

    dataset = LanceDataset(tmp_path, "s")
    add(dataset, range(30))
    lancedb.connect(tmp_path).open_table("s").drop_index("text_idx")
    before = dataset.describe()["version"]
    found = dataset.search(None, "number 17", 3, None, "text")
    assert found[0].row.id == "17"
    kept = dataset.search(None, "number", 50, parse({"n": {"$lt": 3}}), "text")
    assert {hit.row.id for hit in kept} == {"0", "1", "2"}
    assert dataset.describe()["version"] == before
    add(dataset, [30])
    dataset.optimize()
    assert "text" in dataset.describe()["indexes"]


def test_a_search_begins_anew_when_its_version_is_cleaned_up(tmp_path: Path) -> None:
    one = LanceDataset(tmp_path, "s")
    other = LanceDataset(tmp_path, "s", replace(TINY, versions=1))
    add(one, range(50))

    def cleaned() -> bool:
        other.optimize()
        return len(list((tmp_path / "s.lance" / "_versions").glob("*.manifest"))) == 1

    errors = []

    def ask(view: Any) -> int:
        if not errors:
            add(other, range(50, 60))
            until(cleaned)
        try:
            view.load_vectors()
        except Exception as error:
            errors.append(str(error))
            raise
        return int(view.count)

    assert one._reading(ask, 0) == 60
    assert len(errors) == 1
    assert "ot found" in errors[0]
    assert nearest(one, 55, "exact") == ["55"]


def test_memory_is_freed_and_read_again(dataset: LanceDataset) -> None:
    assert nearest(dataset, 8, "exact") == ["8"]
    dataset.release()
    assert dataset._view is None
    assert nearest(dataset, 8, "exact") == ["8"]
