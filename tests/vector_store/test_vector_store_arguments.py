"""What a vector store is given: what comes back as it was, and what is refused at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from llmanager_sdk import ManagedVectorStore
from llmanager_sdk.errors import ConfigurationError
from tests.cheap import Cheap
from tests.vector_store.conftest import ids

WRONG: dict[str, Callable[[Any], Any]] = {
    "half a character to read": lambda store: store.get_by_ids(["\ud800"]),
    "half a character to delete": lambda store: store.delete(["a", "\ud800"]),
    "a number to delete": lambda store: store.delete([1]),
    "a UUID to delete": lambda store: store.delete([UUID(int=1)]),
    "a UUID to delete, async": lambda store: asyncio.run(store.adelete([UUID(int=1)])),
    "None to read": lambda store: store.get_by_ids([None]),
    "no ids to read": lambda store: store.get_by_ids(None),
    "one id to read": lambda store: store.get_by_ids("a"),
    "one id to read, async": lambda store: asyncio.run(store.aget_by_ids("a")),
    "one id to delete": lambda store: store.delete("abcd"),
    "one id to add": lambda store: store.add_texts(["x", "y"], ids="xy"),
    "ids without an order": lambda store: store.add_texts(["x", "y"], ids={"x", "y"}),
    "one text": lambda store: store.add_texts("xy"),
    "no texts": lambda store: store.add_texts(None),
    "metadata of no text": lambda store: store.add_texts(["x"], {"n": 1}),
    "texts as documents": lambda store: store.add_documents(["x"]),
    "no question": lambda store: store.similarity_search(None),
    "no question, by words": lambda store: store.similarity_search(None, search="text"),
    "no question, async": lambda store: asyncio.run(store.asimilarity_search(None)),
    "no question, mmr": lambda store: store.max_marginal_relevance_search(None),
    "no question, mmr, async": lambda store: asyncio.run(
        store.amax_marginal_relevance_search(None)
    ),
    "half a character": lambda store: store.similarity_search("\ud800"),
    "half a character, by words": lambda store: store.similarity_search("\ud800", search="text"),
    "half a character, hybrid": lambda store: store.similarity_search("\ud800", search="hybrid"),
    "a model's name": lambda _: ManagedVectorStore("t", "minilm"),  # type: ignore[arg-type]
    "a model's class": lambda _: ManagedVectorStore("t", Cheap),  # type: ignore[arg-type]
    "metadata as a model": lambda _: ManagedVectorStore.from_texts(["x"], [{}], name="t"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_a_typed_error_with_a_cure(
    store: ManagedVectorStore, case: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        WRONG[case](store)
    assert caught.value.hint
    assert "destroy" not in str(caught.value)
    assert store.count() == 4


def test_ids_and_metadata_may_come_from_generators(store: ManagedVectorStore) -> None:
    added = store.add_texts((x for x in "xy"), ({"n": i} for i in range(2)), ids=iter("XY"))  # type: ignore[arg-type]
    assert added == ["X", "Y"]
    assert ids(store.get_by_ids(x for x in "YaX")) == ["Y", "a", "X"]  # type: ignore[arg-type]
    store.delete(x for x in "YaX")  # type: ignore[arg-type]
    assert store.count() == 3


def test_metadata_come_back_as_they_were(store: ManagedVectorStore) -> None:
    metadata = {
        "i": 1,
        "f": 1.0,
        "b": True,
        "n": None,
        "s": "1",
        "l": [1, 1.0, [None]],
        "d": {"x": {}},
    }
    store.add_texts(["x"], [metadata], ids=["x"])
    assert repr(store.get_by_ids(["x"])[0].metadata) == repr(metadata)
    found = store.similarity_search("x", k=1)[0].metadata
    assert repr(found) == repr(metadata)


@pytest.mark.parametrize(
    "metadata",
    [
        {"x": float("nan")},
        {"x": {1: 2}},
        {"x": object()},
        {"x": b"bytes"},
        {"x": 2**64},
        {"x": "\ud800"},
        {"x": {1, 2}},
        {"x": Fraction(1, 3)},
        {"x": np.float32("nan")},
        {"x": np.zeros(2)},
        [1],
        {1: 2},
    ],
)
def test_metadata_that_would_change_are_refused_before_anything_is_written(
    store: ManagedVectorStore, metadata: Any
) -> None:
    with pytest.raises(ConfigurationError, match="metadata of text 1500"):
        store.add_texts([str(i) for i in range(1501)], [{}] * 1500 + [metadata])
    assert store.count() == 4


class Kind(str, Enum):  # noqa: UP042 - a StrEnum's `str` is its value already
    INVOICE = "invoice"


class Size(IntEnum):
    BIG = 30


class Ratio(float, Enum):
    HALF = 0.5


def test_a_tuple_becomes_a_list_and_numbers_and_texts_by_other_names_plain_ones(
    store: ManagedVectorStore,
) -> None:
    store.add_texts(
        ["x"],
        [
            {
                "t": (1, Size.BIG),
                "f": np.float64(1.5),
                "g": np.float32(0.5),
                "s": np.str_("s"),
                "i": np.int64(2),
                "u": np.uint8(3),
                "b": np.bool_(True),
                "kind": Kind.INVOICE,
                "half": Ratio.HALF,
                Kind.INVOICE: {Kind.INVOICE: 1},
            }
        ],
        ids=[Kind.INVOICE],
    )
    found = store.get_by_ids([Kind.INVOICE])
    assert ids(found) == ["invoice"]
    assert repr(found[0].metadata) == repr(
        {"t": [1, 30], "f": 1.5, "g": 0.5, "s": "s", "i": 2, "u": 3, "b": True}
        | {"kind": "invoice", "half": 0.5, "invoice": {"invoice": 1}}
    )


@pytest.mark.parametrize(
    "wanted",
    [
        {"kind": "invoice"},
        {"kind": Kind.INVOICE},
        {"kind": {"$in": [Kind.INVOICE]}},
        {"kind": {"$gte": Kind.INVOICE}},
        {Kind.INVOICE: Kind.INVOICE},
        {"n": np.int64(30)},
        {"n": {"$gte": Size.BIG, "$lt": np.float32(30.5)}},
        {"b": np.bool_(True)},
    ],
)
def test_a_filter_takes_the_same_values(store: ManagedVectorStore, wanted: Any) -> None:
    metadata = {"kind": Kind.INVOICE, "n": Size.BIG, "b": True, "invoice": "invoice"}
    store.add_texts(["x"], [metadata], ids=["x"])
    assert ids(store.similarity_search("x", filter=wanted)) == ["x"]


@pytest.mark.parametrize(
    "texts", [["fine", 1], ["fine", None], ["fine", "\ud800 alone"], ["fine", b"bytes"]]
)
def test_what_is_no_text_is_refused(store: ManagedVectorStore, texts: Any) -> None:
    with pytest.raises(ConfigurationError, match="text 1"):
        store.add_texts(texts)
    assert store.count() == 4


def test_lengths_must_agree(store: ManagedVectorStore) -> None:
    for wrong in ({"metadatas": [{}]}, {"ids": ["x"]}, {"metadatas": []}):
        with pytest.raises(ConfigurationError, match="2 texts came with"):
            store.add_texts(["x", "y"], **wrong)  # type: ignore[arg-type]
