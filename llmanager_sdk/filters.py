"""Metadata filters: one form, shared by every platform, parsed once into a small tree.

    {"color": "red"}                          equal
    {"pages": {"$gte": 10, "$lt": 20}}        $eq $ne $gt $gte $lt $lte, all of them at once
    {"color": {"$in": ["red", "blue"]}}       $in $nin; a list, tuple or set of values
    {"author.name": {"$exists": True}}        $exists; a dot goes into a nested dictionary
    {"$and": [...]}, {"$or": [...]}, {"$not": {...}}

Several keys side by side mean all of them. What a filter means:

- Values compare within their type: numbers (int and float) with numbers, text with text, booleans
  with booleans, None with None. Across types nothing is equal, and nothing is ordered; booleans
  and None are not ordered at all.
- Text is ordered by code points, so "Z" comes before "a".
- A field whose value is a list is equal to a value when it holds it, in lists inside it too. Lists
  are not ordered, and a dictionary is equal to nothing.
- A missing field is equal to nothing. `$ne`, `$nin` and `$not` are the plain opposites, so they
  keep documents without the field.
- `$exists: True` asks for the field, whatever its value, None included.
- Dots may be part of names, too: of the fields that "a.b.c" may mean, "a.b.c" itself comes first,
  then "c" in a dictionary "a.b", then what is in a dictionary "a".
- Metadata may hold a field without a name, or one whose name begins with "$": it is kept, and no
  filter can ask for it. Inside a dictionary both are names like any other: "a.$ref".
"""

from __future__ import annotations

import math
import numbers
import operator
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmanager_sdk.errors import InvalidFilter

Scalar = str | int | float | bool | None


def plain_scalar(value: object) -> Scalar:
    """The plain form of a text, number or boolean, whose type may be an enum's or numpy's.

    Raises:
        TypeError: it is none of these.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # `str` of a member of an enum is its name
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, numbers.Integral):
        return operator.index(value)
    numpy = sys.modules.get("numpy")  # whoever has a value of numpy's has imported it
    if numpy is not None and isinstance(value, numpy.bool_ | numpy.float32 | numpy.float16):
        found: Scalar = value.item()
        return found
    raise TypeError(f"a {type(value).__name__} is no text, number or boolean")


@dataclass(frozen=True)
class Compare:
    """A field against a value: op is one of "=", "<", "<=", ">", ">="."""

    field: str
    op: str
    value: Scalar


@dataclass(frozen=True)
class OneOf:
    """The field is equal to one of these; to none of no values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Exists:
    """The field is there."""

    field: str


@dataclass(frozen=True)
class Every:
    """All of them; of none, everything."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Some:
    """At least one of them; of none, nothing."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Not:
    """The opposite."""

    part: Filter


Filter = Compare | OneOf | Exists | Every | Some | Not

_ORDER = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_OPERATORS = (*_ORDER, "$ne", "$in", "$nin", "$exists")
DEPTH = 32
"""The deepest nesting of a filter."""


def parse(filter: object) -> Filter | None:  # noqa: A002 - LangChain's name
    """The tree of a filter; None for None and for {}.

    Raises:
        InvalidFilter: it is not in the documented form; the message says where.
    """
    if filter is None or filter == {}:
        return None
    return _parse(filter, "filter", 0)


def _refuse(where: str, why: str, hint: str) -> InvalidFilter:
    return InvalidFilter(f"{where}: {why}", step="parse the filter", hint=hint)


def _parse(node: object, where: str, depth: int) -> Filter:
    if depth > DEPTH:
        raise _refuse(where, f"it is nested deeper than {DEPTH}", "flatten it")
    if not isinstance(node, Mapping):
        raise _refuse(where, f"{type(node).__name__} is not a dictionary", 'write {"field": value}')
    parts = [_entry(key, value, where, depth) for key, value in node.items()]
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _entry(key: object, value: object, where: str, depth: int) -> Filter:
    if not isinstance(key, str) or not key:
        raise _refuse(where, f"{key!r} is not the name of a field", "a name is text, and not empty")
    key = str.__str__(key)
    inside = f"{where}.{key}"
    if key in ("$and", "$or"):
        if not isinstance(value, list | tuple) or not value:
            raise _refuse(inside, "it needs a list of filters", f'write {{"{key}": [{{...}}]}}')
        parts = tuple(_parse(x, f"{inside}[{i}]", depth + 1) for i, x in enumerate(value))
        return Every(parts) if key == "$and" else Some(parts)
    if key == "$not":
        return Not(_parse(value, inside, depth + 1))
    if key.startswith("$"):
        hint = "use $and, $or or $not; no filter can ask for a field that begins with $"
        raise _refuse(inside, "there is no such operator here", hint)
    if isinstance(value, Mapping):
        return _operators(key, value, inside)
    return Compare(key, "=", _scalar(value, inside))


def _operators(field: str, node: Mapping[Any, object], where: str) -> Filter:
    if not node:
        raise _refuse(where, "no operator is given", f"use one of {', '.join(_OPERATORS)}")
    parts = [_operator(field, name, value, f"{where}.{name}") for name, value in node.items()]
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _operator(field: str, name: object, value: object, where: str) -> Filter:
    if isinstance(name, str) and name in _ORDER:
        return Compare(field, _ORDER[name], _scalar(value, where))
    if name == "$ne":
        return Not(Compare(field, "=", _scalar(value, where)))
    if name in ("$in", "$nin"):
        if not isinstance(value, list | tuple | set | frozenset):
            raise _refuse(where, "it needs a list of values", f'write {{"{name}": ["a", "b"]}}')
        found = OneOf(field, tuple(_scalar(x, where) for x in value))
        return found if name == "$in" else Not(found)
    if name == "$exists":
        if not isinstance(value, bool):
            raise _refuse(where, f"{value!r} is not a boolean", "write True or False")
        return Exists(field) if value else Not(Exists(field))
    raise _refuse(where, "there is no such operator", f"use one of {', '.join(_OPERATORS)}")


def _scalar(value: object, where: str) -> Scalar:
    try:
        found = plain_scalar(value)
    except TypeError as error:
        raise _refuse(
            where, f"a {type(value).__name__} cannot be compared", "use text, a number or a boolean"
        ) from error
    if isinstance(found, float) and not math.isfinite(found):
        raise _refuse(where, f"{found!r} is not a number to compare with", "use a finite number")
    return found


MISSING: Any = object()
"""What `look_up` finds where there is no such field."""


def matches(filter: Filter | None, metadata: Mapping[str, Any]) -> bool:  # noqa: A002
    """What a filter means: whether a document with this metadata is kept."""
    match filter:
        case None:
            return True
        case Compare(field, op, value):
            return compare(look_up(metadata, field), op, value)
        case OneOf(field, values):
            found = look_up(metadata, field)
            return any(compare(found, "=", value) for value in values)
        case Exists(field):
            return look_up(metadata, field) is not MISSING
        case Every(parts):
            return all(matches(part, metadata) for part in parts)
        case Some(parts):
            return any(matches(part, metadata) for part in parts)
        case Not(part):
            return not matches(part, metadata)


def look_up(metadata: Mapping[str, Any], field: str) -> Any:
    """The value of a dotted field, or `MISSING`; the longest key that leads to one comes first."""
    if field in metadata:
        return metadata[field]
    cut = field.rfind(".")
    while cut >= 0:
        inner = metadata.get(field[:cut])
        if isinstance(inner, Mapping):
            found = look_up(inner, field[cut + 1 :])
            if found is not MISSING:
                return found
        cut = field.rfind(".", 0, cut)
    return MISSING


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def compare(found: Any, op: str, value: Scalar) -> bool:
    """Whether a value that was found stands in that relation to the one of the filter."""
    if isinstance(found, list | tuple):
        return op == "=" and any(compare(each, op, value) for each in found)
    kind = kind_of(value)
    if kind_of(found) != kind or (op != "=" and kind not in ("number", "text")):
        return False
    return _TESTS[op](found, value)


def kind_of(value: Any) -> str:
    """Within which values compare; a kind of its own for what cannot be compared."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"
