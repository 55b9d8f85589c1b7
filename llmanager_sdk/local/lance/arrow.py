"""Rows and vectors as Arrow tables, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from llmanager_sdk.errors import InvalidVector
from llmanager_sdk.ports.vectors import Row

SHORTEST = 1e-30
"""The least squared length that still has a direction in float32."""


def checked(vectors: Any, count: int) -> Any:
    """The vectors as float32 (count, dimension).

    Raises:
        InvalidVector: there are too few, they are of different lengths, or one of them is empty,
            zero, NaN or infinite.
    """
    try:
        with np.errstate(over="ignore"):
            found = np.asarray(vectors, np.float32)
    except (TypeError, ValueError) as error:
        raise _invalid(f"they are no numbers, or of different lengths ({error})") from error
    if found.ndim != 2 or found.shape[0] != count or found.shape[1] == 0:
        raise _invalid(f"{count} of one length were expected, and their shape is {found.shape}")
    lengths = np.einsum("ij,ij->i", found, found)
    sound = np.isfinite(lengths) & (lengths > SHORTEST)
    if not sound.all():
        at = int(np.flatnonzero(~sound)[0])
        if not np.isfinite(found[at]).all():
            raise _invalid(f"number {at} holds NaN or infinity")
        raise _invalid(f"number {at} is zero, or its length is out of all proportion")
    return found


def _invalid(why: str) -> InvalidVector:
    return InvalidVector(
        f"the vectors cannot be used: {why}",
        step="check the vectors",
        hint="look at the embedding model that made them: a vector needs a direction",
    )


def check_width(kept: int, width: int, name: str) -> None:
    """Refuse vectors of another length than those of a table.

    Raises:
        InvalidVector: they have it.
    """
    if width != kept:
        raise InvalidVector(
            f"a vector has {width} dimensions, and those of {name} have {kept}",
            resource=name,
            step="check the vectors",
            hint="use the embedding model that the store was made with",
        )


def table_of(rows: Sequence[Row], vectors: Any) -> Any:
    """What is written: id, text, metadata as JSON, vector."""
    flat = pa.array(np.ascontiguousarray(vectors).ravel(), pa.float32())
    metas = [orjson.dumps(dict(row.metadata)).decode() for row in rows]
    return pa.table(
        {
            "id": pa.array([row.id for row in rows], pa.string()),
            "text": pa.array([row.text for row in rows], pa.string()),
            "meta": pa.array(metas, pa.string()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
        }
    )


def rows_in(found: Any) -> list[Row]:
    """The rows of a table with id, text and meta."""
    columns = (found[name].to_pylist() for name in ("id", "text", "meta"))
    return [Row(i, text, orjson.loads(meta)) for i, text, meta in zip(*columns, strict=True)]


def matrix_in(column: Any) -> Any:
    """A column of vectors as float32 (rows, dimension), at unit length."""
    width = column.type.list_size
    matrix = np.empty((len(column), width), np.float32)
    start = 0
    for chunk in column.chunks:
        values = chunk.flatten().to_numpy(zero_copy_only=False)
        matrix[start : start + len(chunk)] = values.reshape(-1, width)
        start += len(chunk)
    matrix /= np.sqrt(np.einsum("ij,ij->i", matrix, matrix))[:, None]
    return matrix


def unit(vector: Any) -> Any:
    """A vector at unit length, float32."""
    found = np.asarray(vector, np.float32)
    return found / np.linalg.norm(found)
