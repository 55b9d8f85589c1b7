"""From texts, metadata and ids as a user gives them to rows that can be kept. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.ports.vectors import Row

DEPTH = 64
"""The deepest nesting of metadata."""
_INT = 1 << 63
_UINT = 1 << 64


def rows_of(
    texts: Sequence[str],
    metadatas: Sequence[Mapping[str, Any] | None] | None = None,
    ids: Sequence[str | None] | None = None,
) -> list[Row]:
    """Rows, all of them checked.

    Args:
        metadatas: one for each text; JSON values under text keys, of which a tuple becomes a list.
        ids: one for each text. Where one is None it is derived from text and metadata.

    Raises:
        ConfigurationError: with the number of the text, and what is wrong with it.
    """
    for name, given in (("metadatas", metadatas), ("ids", ids)):
        if given is not None and len(given) != len(texts):
            raise ConfigurationError(
                f"{len(texts)} texts came with {len(given)} {name}",
                step="add texts",
                hint=f"give one of {name} for each text, or none at all",
            )
    rows = []
    for i, text in enumerate(texts):
        _check_text(text, f"text {i}")
        metadata = plain(metadatas[i] if metadatas else None, f"the metadata of text {i}")
        given_id = ids[i] if ids is not None else None
        rows.append(Row(_id(given_id, i, text, metadata), text, metadata))
    return rows


def _id(given: object, i: int, text: str, metadata: Mapping[str, Any]) -> str:
    if given is None:
        return derived_id(text, metadata)
    return _check_text(given, f"the id of text {i}")


def derived_id(text: str, metadata: Mapping[str, Any]) -> str:
    """The id of a document that was given none: the same for the same text and metadata.

    128 bits of the sha256 of their canonical JSON, in hex.
    """
    said = orjson.dumps([text, dict(metadata)], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(said).hexdigest()[:32]


def plain(metadata: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """A copy of metadata that reads back from JSON as it is now.

    Raises:
        ConfigurationError: it holds what JSON cannot keep.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise _refuse(where, f"is of type {type(metadata).__name__}, not a dictionary")
    found: dict[str, Any] = _plain(metadata, where, 0)
    return found


def _plain(value: Any, where: str, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return _check_text(value, where)
    if value is None or kind is bool:
        return value
    if kind is int:
        if not -_INT <= value < _UINT:
            raise _refuse(where, "is an integer of more than 64 bits")
        return value
    if kind is float:
        if not math.isfinite(value):
            raise _refuse(where, f"is {value}, which JSON does not have")
        return value
    if depth >= DEPTH:
        raise _refuse(where, f"is nested deeper than {DEPTH}")
    if isinstance(value, list | tuple):
        return [_plain(each, f"{where}[{i}]", depth + 1) for i, each in enumerate(value)]
    if isinstance(value, Mapping):
        return {
            _key(key, where): _plain(each, f"{where}.{key}", depth + 1)
            for key, each in value.items()
        }
    return _converted(value, where, depth)


def _converted(value: Any, where: str, depth: int) -> Any:
    """What is a text or a number by another name, such as numpy's, as the plain one."""
    for kind in (str, int, float):
        if isinstance(value, kind):
            return _plain(kind(value), where, depth)
    raise _refuse(where, f"is of type {type(value).__name__}, which JSON does not have")


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise _refuse(where, f"has the key {key!r}, which is not text")
    return _check_text(key, f"a key of {where}")


def _check_text(text: object, where: str) -> str:
    if not isinstance(text, str):
        raise _refuse(where, f"is of type {type(text).__name__}, not text")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _refuse(where, f"is not valid Unicode: {error.reason}") from error
    return text


def _refuse(where: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{where} {why}",
        step="add texts",
        hint="use text, finite numbers, booleans, None, and lists and dictionaries of them",
    )
