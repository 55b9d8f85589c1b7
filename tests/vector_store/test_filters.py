"""The documented form of a filter, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest

from llmanager_sdk.errors import InvalidFilter
from llmanager_sdk.filters import DEPTH, matches, parse

RED = {"color": "red", "pages": 12, "draft": False, "tags": ["a", "b"], "author": {"name": "Ada"}}


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ({"color": "red"}, True),
        ({"color": "red", "pages": 13}, False),
        ({"pages": {"$gte": 12, "$lt": 13}}, True),
        ({"pages": 12.0}, True),
        ({"pages": "12"}, False),
        ({"pages": {"$gt": "1"}}, False),
        ({"draft": False}, True),
        ({"draft": 0}, False),
        ({"draft": {"$lte": True}}, False),
        ({"tags": "a"}, True),
        ({"tags": {"$gte": "a"}}, False),
        ({"author.name": "Ada"}, True),
        ({"author": {"$exists": True}}, True),
        ({"author": {"$eq": "Ada"}}, False),
        ({"missing": None}, False),
        ({"missing": {"$ne": 1}}, True),
        ({"missing": {"$nin": [1]}}, True),
        ({"missing": {"$exists": False}}, True),
        ({"color": {"$in": []}}, False),
        ({"color": {"$nin": []}}, True),
        ({"color": {"$in": ("blue", "red")}}, True),
        ({"$or": [{"color": "blue"}, {"pages": 12}]}, True),
        ({"$and": [{"color": "red"}, {"$not": {"draft": True}}]}, True),
        ({"$not": {}}, False),
        ({"color": {"$ne": "blue", "$exists": True}}, True),
        (None, True),
        ({}, True),
    ],
)
def test_what_a_filter_keeps(wanted: Any, kept: bool) -> None:
    assert matches(parse(wanted), RED) is kept


def test_none_is_a_value_and_a_missing_field_is_not() -> None:
    assert matches(parse({"x": None}), {"x": None})
    assert not matches(parse({"x": None}), {})
    assert matches(parse({"x": {"$exists": True}}), {"x": None})


def test_a_field_with_a_dot_in_its_name_comes_before_a_nested_one() -> None:
    assert matches(parse({"a.b": 1}), {"a.b": 1, "a": {"b": 2}})
    assert matches(parse({"a.b": 2}), {"a": {"b": 2}})


@pytest.mark.parametrize(
    "metadata",
    [
        {"a.b.c": 3, "a.b": {"c": 1}},
        {"a.b": {"c": 3}},
        {"a.b": {"c": 3}, "a": {"b": {"c": 1}}},
        {"a": {"b.c": 3}},
        {"a": {"b": {"c": 3}}},
        {"a.b": {"d": 1}, "a": {"b": {"c": 3}}},
        {"a.b": 1, "a": {"b": 1, "b.c": 3}},
    ],
)
def test_dots_may_be_part_of_any_name_and_longer_names_come_first(metadata: Any) -> None:
    assert matches(parse({"a.b.c": 3}), metadata)
    assert not matches(parse({"a.b.c": 1}), metadata)


def test_names_that_a_filter_cannot_begin_with_are_names_inside_a_dictionary() -> None:
    assert matches(parse({"a.$ref": 1, "a.": 2}), {"a": {"$ref": 1, "": 2}})
    with pytest.raises(InvalidFilter, match="begins with"):
        parse({"$ref": 1})


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ("x", "filter:"),
        ([], "filter:"),
        ({1: 2}, "filter:"),
        ({"": 2}, "filter:"),
        ({"$nor": [{"x": 1}]}, "filter.$nor:"),
        ({"$and": []}, "filter.$and:"),
        ({"$and": {"x": 1}}, "filter.$and:"),
        ({"$or": [{"x": 1}, 2]}, "filter.$or[1]:"),
        ({"$not": 1}, "filter.$not:"),
        ({"x": {}}, "filter.x:"),
        ({"x": {"$near": 1}}, "filter.x.$near:"),
        ({"x": {"y": 1}}, "filter.x.y:"),
        ({"x": [1]}, "filter.x:"),
        ({"x": {"$in": "abc"}}, "filter.x.$in:"),
        ({"x": {"$in": [[1]]}}, "filter.x.$in:"),
        ({"x": {"$exists": 1}}, "filter.x.$exists:"),
        ({"x": math.nan}, "filter.x:"),
        ({"x": {"$lt": -math.inf}}, "filter.x.$lt:"),
        ({"x": b"bytes"}, "filter.x:"),
    ],
)
def test_another_form_is_refused_with_its_place_and_a_cure(wanted: Any, where: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(wanted)
    assert caught.value.message.startswith(where)
    assert caught.value.hint


def test_a_bottomless_filter_is_refused() -> None:
    wanted: dict[str, Any] = {"x": 1}
    for _ in range(DEPTH + 1):
        wanted = {"$not": wanted}
    with pytest.raises(InvalidFilter, match="deeper"):
        parse(wanted)
