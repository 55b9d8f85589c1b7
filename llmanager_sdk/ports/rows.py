"""From texts, metadata, ids and questions as a user gives them to what a store takes. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import orjson

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.filters import plain_scalar
from llmanager_sdk.ports.vectors import Row

DEPTH = 64
"""The deepest nesting of metadata."""
_INT = 1 << 63
_UINT = 1 << 64
_VALUES = "use text, finite numbers, booleans, None, and lists and dictionaries of them"
_IDS = "give a list of texts: ['doc-1'], or [str(each) for each in ids]"


def rows_of(
    texts: Iterable[str],
    metadatas: Iterable[Mapping[str, Any] | None] | None = None,
    ids: Iterable[str | None] | None = None,
) -> list[Row]:
    """Rows, all of them checked.

    Args:
        metadatas: one for each text; JSON values under text keys, of which a tuple becomes a list.
        ids: one for each text. Where one is None it is derived from text and metadata.

    Raises:
        ConfigurationError: with the number of the text, and what is wrong with it.
    """
    told = _listed(texts, "texts", "give a list of texts: ['one', 'two']")
    metas = _for_each(told, metadatas, "metadatas")
    names = _for_each(told, ids, "ids")
    rows = []
    for i, (each, meta, name) in enumerate(zip(told, metas, names, strict=True)):
        text = _check_text(each, f"text {i}")
        metadata = plain(meta, f"the metadata of text {i}")
        rows.append(Row(_id(name, i, text, metadata), text, metadata))
    return rows


def _for_each(texts: Sequence[object], given: Iterable[Any] | None, name: str) -> list[Any]:
    if given is None:
        return [None] * len(texts)
    cure = f"give one of {name} for each text, or none at all"
    if isinstance(given, Set):
        raise _refuse(name, "is a set, which has no order", hint=cure)
    found = _listed(given, name, cure)
    if len(found) != len(texts):
        raise ConfigurationError(
            f"{len(texts)} texts came with {len(found)} {name}", step="add texts", hint=cure
        )
    return found


def ids_of(ids: object) -> list[str]:
    """The ids of documents that are read or deleted.

    Raises:
        ConfigurationError: they are no list, or one of them is no text.
    """
    step = "check the ids"
    found = _listed(ids, "ids", _IDS, step)
    return [_check_text(each, f"id {i}", _IDS, step) for i, each in enumerate(found)]


def check_question(query: object) -> None:
    """Refuse a question that is no text.

    Raises:
        ConfigurationError: it is none.
    """
    _check_text(query, "the question", "ask with a text", "check the question")


def _listed(given: object, name: str, hint: str, step: str = "add texts") -> list[Any]:
    """A list, or what else can be iterated; a text is not the list of its letters."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise _refuse(name, f"is of type {type(given).__name__}, not a list", hint, step)
    return list(given)


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
    try:
        return _plain(plain_scalar(value), where, depth)
    except TypeError as error:
        raise _refuse(
            where, f"is of type {type(value).__name__}, which JSON does not have"
        ) from error


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise _refuse(where, f"has the key {key!r}, which is not text")
    return _check_text(key, f"a key of {where}")


def _check_text(text: object, where: str, hint: str = _VALUES, step: str = "add texts") -> str:
    if not isinstance(text, str):
        raise _refuse(where, f"is of type {type(text).__name__}, not text", hint, step)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _refuse(where, f"is not valid Unicode: {error.reason}", hint, step) from error
    return str.__str__(text)  # of an enum's member, too, the text itself


def _refuse(
    where: str, why: str, hint: str = _VALUES, step: str = "add texts"
) -> ConfigurationError:
    return ConfigurationError(f"{where} {why}", step=step, hint=hint)
