"""A metadata field of many rows, so coded that a filter is a comparison of small integers.

Distinct values get codes in the order of their values, numbers first, then text, so a comparison
means an interval of codes. Same meaning as `filters.compare`, which the tests hold it against.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from llmanager_sdk.filters import MISSING, Scalar, kind_of, look_up

NOTHING = -1
"""The code of a value that no filter compares with: a dictionary, a list, no value at all."""
PARSED = 50_000
"""Rows whose metadata are parsed at once."""

Bools = np.ndarray[Any, np.dtype[np.bool_]]


class Field:
    """The values of one field, one for each row.

    Args:
        values: as metadata hold them; `MISSING` where they do not.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self.present: Bools = np.fromiter((x is not MISSING for x in values), bool, len(values))
        listed = [(row, x) for row, x in enumerate(values) if isinstance(x, list)]
        inside = [(row, each) for row, x in listed for each in _flat(x)]
        self._order([*values, *(each for _, each in inside)])
        self._codes = self._coded(values)
        self._list_rows = np.fromiter((row for row, _ in inside), np.int64, len(inside))
        self._list_codes = self._coded([each for _, each in inside])

    def _order(self, values: Iterable[Any]) -> None:
        numbers, texts = set(), set()
        for value in values:
            kind = type(value)
            if kind is str:
                texts.add(value)
            elif kind is int or kind is float:
                numbers.add(value)
        self._sorted = {"number": sorted(numbers), "text": sorted(texts)}
        self._first = {"number": 0, "text": len(numbers)}
        rest = len(numbers) + len(texts)
        self._single = {None: rest, False: rest + 1, True: rest + 2}
        self._size = rest + 3

    def _coded(self, values: Sequence[Any]) -> Any:
        numbers = {x: i for i, x in enumerate(self._sorted["number"])}
        texts = {x: self._first["text"] + i for i, x in enumerate(self._sorted["text"])}
        codes = np.full(len(values), NOTHING, np.int32)
        for row, value in enumerate(values):
            kind = type(value)
            if kind is str:
                codes[row] = texts[value]
            elif kind is int or kind is float:
                codes[row] = numbers[value]
            elif kind is bool or value is None:
                codes[row] = self._single[value]
        return codes

    def compare(self, op: str, value: Scalar) -> Bools:
        """The rows that stand in this relation to a value."""
        low, high = self._interval(op, value)
        mask: Bools = (self._codes >= low) & (self._codes < high)
        if op == "=" and len(self._list_rows):
            mask[self._list_rows[(self._list_codes >= low) & (self._list_codes < high)]] = True
        return mask

    def one_of(self, values: Iterable[Scalar]) -> Bools:
        """The rows that are equal to one of these values."""
        wanted = np.zeros(self._size + 1, bool)  # the last one is for `NOTHING`
        for value in values:
            wanted[slice(*self._interval("=", value))] = True
        mask: Bools = wanted[self._codes]
        mask[self._list_rows[wanted[self._list_codes]]] = True
        return mask

    def _interval(self, op: str, value: Scalar) -> tuple[int, int]:
        kind = kind_of(value)
        if kind not in self._sorted:
            code = self._single[value]  # type: ignore[index]
            return (code, code + 1) if op == "=" else (0, 0)
        known, first = self._sorted[kind], self._first[kind]
        left, right = first + bisect_left(known, value), first + bisect_right(known, value)
        end = first + len(known)
        return {
            "=": (left, right),
            "<": (first, left),
            "<=": (first, right),
            ">": (right, end),
            ">=": (left, end),
        }[op]


def _flat(values: list[Any]) -> Iterator[Any]:
    for each in values:
        if isinstance(each, list):
            yield from _flat(each)
        else:
            yield each


def fields_of(metas: Sequence[str | None], names: Sequence[str]) -> dict[str, Field]:
    """Some fields of metadata that are given as JSON; a row without has no fields."""
    values: dict[str, list[Any]] = {name: [] for name in names}
    for start in range(0, len(metas), PARSED):
        part = [meta or "{}" for meta in metas[start : start + PARSED]]
        for metadata in orjson.loads(f"[{','.join(part)}]"):
            for name in names:
                values[name].append(look_up(metadata, name))
    return {name: Field(found) for name, found in values.items()}
