"""A dataset on disk: what is written is there, once, whole, and for every process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmanager_sdk.errors import (
    ConfigurationError,
    EmbeddingMismatch,
    InvalidVector,
    StoreCorrupt,
)
from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.ports.vectors import Row
from tests.local.stores import (
    TINY,
    WHO,
    WIDTH,
    add,
    made,
    nearest,
    vector,
)


@pytest.fixture
def dataset(tmp_path: Path) -> LanceDataset:
    return LanceDataset(tmp_path / "stores", "s", TINY)


def test_reading_a_store_that_was_never_written_finds_nothing_and_makes_nothing(
    dataset: LanceDataset, tmp_path: Path
) -> None:
    assert dataset.count() == 0
    assert dataset.get(["1"]) == []
    assert dataset.identity() is None
    assert dataset.describe()["rows"] == 0
    for mode in ("dense", "exact", "text", "hybrid"):
        assert dataset.search(vector(1), "passage", 3, None, mode) == []
    dataset.delete(["1"])
    dataset.optimize()
    dataset.drop()
    assert list(tmp_path.iterdir()) == []


def test_rows_come_back_in_the_order_that_was_asked_for(dataset: LanceDataset) -> None:
    add(dataset, range(50))
    assert [row.id for row in dataset.get(["7", "49", "missing", "7", "0"])] == [
        "7",
        "49",
        "7",
        "0",
    ]
    assert dataset.get(["7"])[0] == made([7])[0][0]


def test_a_row_of_the_same_id_is_replaced(dataset: LanceDataset) -> None:
    add(dataset, range(10))
    add(dataset, range(5, 15), "new")
    assert dataset.count() == 15
    assert [row.metadata["tag"] for row in dataset.get(["4", "5", "14"])] == ["", "new", "new"]
    rows, vectors = made([1, 2])
    dataset.add([Row("x", "first", {}), Row("x", "last", {})], vectors, WHO)
    assert [row.text for row in dataset.get(["x"])] == ["last"]
    assert dataset.search(vectors[1], "", 1, None, "exact")[0].score == pytest.approx(1)
    assert rows


def test_ids_and_texts_may_hold_any_characters(dataset: LanceDataset) -> None:
    odd = ["o'clock", "'; DROP TABLE s; --", '"', "\\", "a\nb", "\0", "ü😀", "%_", ""]
    rows = [Row(text, text, {"text": text}) for text in odd]
    for _ in range(2):
        dataset.add(rows, np.eye(len(odd), WIDTH, dtype=np.float32), WHO)
    assert dataset.get(odd) == rows
    dataset.delete(odd[:-1])
    assert [row.id for row in dataset.get(odd)] == [""]


def test_a_long_text_is_kept_whole(dataset: LanceDataset) -> None:
    text = "wörter " * 1_500_000
    dataset.add([Row("long", text, {})], vector(1)[None], WHO)
    assert dataset.get(["long"])[0].text == text


@pytest.mark.parametrize(
    "vectors",
    [
        [[]],
        [[1.0] * (WIDTH + 1)],
        [[float("nan")] * WIDTH],
        [[float("-inf")] + [0.0] * (WIDTH - 1)],
        [[0.0] * WIDTH],
        [["x"] * WIDTH],
        [[1.0] * WIDTH] * 2,
        [1.0] * WIDTH,
        [[1e-30] * WIDTH],
    ],
)
def test_a_vector_that_cannot_be_compared_is_refused_and_nothing_is_written(
    dataset: LanceDataset, vectors: Any
) -> None:
    add(dataset, range(3))
    version = dataset.describe()["version"]
    with pytest.raises(InvalidVector):
        dataset.add([Row("x", "x", {})], vectors, WHO)
    assert dataset.describe()["version"] == version
    if vectors != [[1.0] * WIDTH] * 2:
        with pytest.raises(InvalidVector):
            dataset.search(vectors[0], "", 1, None, "dense")


def test_vectors_of_another_model_are_refused(dataset: LanceDataset) -> None:
    rows, vectors = made([1])
    dataset.add(rows, vectors, {"model": "a", "probe": [1.0, 0.0]})
    dataset.add(rows, vectors, {"model": "a", "probe": [0.99, 0.1]})
    for other in ({"model": "b", "probe": [1.0, 0.0]}, {"model": "a", "probe": [0.0, 1.0]}):
        with pytest.raises(EmbeddingMismatch, match="another embedding model") as caught:
            dataset.add(rows, vectors, other)
        assert caught.value.hint
    assert dataset.identity() == {"model": "a", "probe": [1.0, 0.0]}


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "x" * 65, "a b", "ü", None, 1])
def test_a_name_that_could_leave_its_folder_is_refused(tmp_path: Path, name: Any) -> None:
    with pytest.raises(ConfigurationError):
        LanceDataset(tmp_path, name)


def test_rows_are_deleted_by_id_or_by_filter(dataset: LanceDataset) -> None:
    from llmanager_sdk.filters import parse

    add(dataset, range(20))
    dataset.delete(["3", "missing"])
    assert dataset.count() == 19
    dataset.delete(None, parse({"n": {"$gte": 10}}))
    assert dataset.count() == 9
    assert "3" not in nearest(dataset, 3, k=20)
    dataset.delete([], None)
    dataset.delete(None, parse({"n": 99}))
    assert dataset.count() == 9
    for ids in (["4"], []):  # one that means "and" must not lose what one that means "or" deletes
        with pytest.raises(ConfigurationError) as caught:
            dataset.delete(ids, parse({"n": {"$gte": 8}}))
        assert caught.value.hint
    with pytest.raises(ConfigurationError):
        dataset.delete()
    assert dataset.count() == 9
    dataset.delete(None, parse({"n": {"$exists": True}}))
    assert dataset.count() == 0
    assert nearest(dataset, 1) == []
    add(dataset, [1])
    assert nearest(dataset, 1) == ["1"]


def test_a_dropped_store_is_empty_for_everybody_and_can_be_made_anew(tmp_path: Path) -> None:
    one, other = (LanceDataset(tmp_path, "s", TINY) for _ in range(2))
    for round_ in range(4):
        add(one, range(round_ + 1), str(round_))
        assert nearest(other, 0, "exact") == ["0"]
        assert other.get(["0"])[0].metadata["tag"] == str(round_)
        one.drop()
        assert other.count() == 0
        assert nearest(other, 0) == []
    assert [x.name for x in tmp_path.iterdir() if not x.name.startswith(".")] == []
    assert not [x for x in tmp_path.iterdir() if x.name.endswith(".dropped")]


def test_a_store_made_anew_may_have_another_model(tmp_path: Path) -> None:
    one, other = (LanceDataset(tmp_path, "s", TINY) for _ in range(2))
    add(one, range(3))
    assert other.identity() == WHO
    one.drop()
    one.add([Row("x", "x", {})], np.ones((1, 3), np.float32), {"model": "other"})
    assert other.identity() == {"model": "other"}
    assert other.search([1, 1, 1], "", 1, None, "exact")[0].row.id == "x"


def test_what_a_killed_maker_left_is_no_store_and_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "s.lance" / "data").mkdir(parents=True)
    (tmp_path / "s.lance" / "_versions").mkdir()
    (tmp_path / "s.lance" / "data" / "half.lance").write_bytes(b"half")
    dataset = LanceDataset(tmp_path, "s")
    assert dataset.count() == 0
    add(dataset, [1])
    assert dataset.count() == 1
    assert not (tmp_path / "s.lance" / "data" / "half.lance").exists()


def test_a_broken_store_is_a_typed_error(tmp_path: Path) -> None:
    dataset = LanceDataset(tmp_path, "s")
    add(dataset, [1])
    for path in (tmp_path / "s.lance" / "_versions").glob("*.manifest"):
        path.write_bytes(b"not a manifest")
    dataset = LanceDataset(tmp_path, "s")
    for ask in (dataset.count, lambda: dataset.get(["1"]), lambda: nearest(dataset, 1)):
        with pytest.raises(StoreCorrupt) as caught:
            ask()
        assert caught.value.hint
