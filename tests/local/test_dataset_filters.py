"""What a dataset's filters keep is what `filters.matches` says, for any metadata and any filter."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmanager_sdk.filters import matches, parse
from llmanager_sdk.local.lance.dataset import LanceDataset
from llmanager_sdk.ports.rows import plain
from llmanager_sdk.ports.vectors import Row

FIELDS = ("a", "b", "a.b", "a.b.a", "ü 'x\"")
WHO = {"model": "none"}
# Values that are close to each other across types, so that comparisons meet.
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([2**53, 2**53 + 1, -(2**63), 2**64 - 1, 10]),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0**53, 1e300, -1e-300]),
    st.sampled_from(["", "a", "A", "b", "1", "true", "ü", "'; DROP TABLE x; --", '"', "\0", "😀"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
METADATA = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3)
OPERATORS = st.one_of(
    st.tuples(st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]), SCALARS),
    st.tuples(st.sampled_from(["$in", "$nin"]), st.lists(SCALARS, max_size=3)),
    st.tuples(st.just("$exists"), st.booleans()),
).map(lambda pair: {pair[0]: pair[1]})
FILTERS = st.recursive(
    st.dictionaries(st.sampled_from(FIELDS), SCALARS | OPERATORS, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$and": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"$or": parts}),
        inner.map(lambda part: {"$not": part}),
    ),
    max_leaves=4,
)


def found(dataset: LanceDataset, wanted: dict[str, Any]) -> set[str]:
    vector = np.ones(2, np.float32)
    return {hit.row.id for hit in dataset.search(vector, "", 1000, parse(wanted), "exact")}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(METADATA, min_size=1, max_size=12), st.lists(FILTERS, min_size=1, max_size=20))
def test_a_filter_means_the_same_as_its_reference(
    metadatas: list[dict[str, Any]], filters: list[dict[str, Any]]
) -> None:
    rows = [Row(str(i), "text", plain(x, "metadata")) for i, x in enumerate(metadatas)]
    vectors = np.ones((len(rows), 2), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        dataset = LanceDataset(Path(folder), "s")
        cut = len(rows) // 2
        dataset.add(rows[:cut], vectors[:cut], WHO)
        dataset.add(rows[cut:], vectors[cut:], WHO)
        for wanted in filters:
            where = parse(wanted)
            assert found(dataset, wanted) == {x.id for x in rows if matches(where, x.metadata)}
        kept = {row.id: row.metadata for row in dataset.get([row.id for row in rows])}
        # Equal is not enough: 1 == 1.0 == True.
        assert repr(kept) == repr({row.id: row.metadata for row in rows})
        wanted = filters[0]
        dataset.delete(None, parse(wanted))
        left = {x.id for x in rows if not matches(parse(wanted), x.metadata)}
        assert {row.id for row in dataset.get([row.id for row in rows])} == left


def test_a_filter_follows_rows_that_are_added_changed_and_deleted(tmp_path: Path) -> None:
    one, other = LanceDataset(tmp_path, "s"), LanceDataset(tmp_path, "s")
    vectors = np.ones((3, 2), np.float32)
    one.add([Row(str(i), "", {"n": i}) for i in range(3)], vectors, WHO)
    assert found(other, {"n": {"$gte": 1}}) == {"1", "2"}
    one.add([Row("3", "", {"n": 1.5}), Row("0", "", {"n": 9})], vectors[:2], WHO)
    assert found(other, {"n": {"$gte": 1}}) == {"0", "1", "2", "3"}
    one.delete(["1"])
    assert found(other, {"n": {"$gte": 1}}) == {"0", "2", "3"}
    one.optimize()
    assert found(other, {"n": {"$gte": 1}}) == {"0", "2", "3"}
    assert found(other, {"n": {"$in": [9, 2]}}) == {"0", "2"}
