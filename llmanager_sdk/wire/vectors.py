"""Requests for embeddings, and the vectors of their answers: OpenAI's form and TEI's. Pure.

OpenAI: {"input": [...]} -> {"data": [{"index": 0, "embedding": [...]}]}. Text Embeddings
Inference: {"inputs": [...], "truncate": true} -> [[...]].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from llmanager_sdk.wire.encode import encoded
from llmanager_sdk.wire.errors import broken


def request(texts: Sequence[str], wire: str, *, truncate: bool) -> bytes:
    """The body for some texts.

    Args:
        wire: "tei" or "openai-embeddings".
        truncate: cut off what the model does not take; else the server refuses it.
    """
    if wire == "tei":
        return encoded({"inputs": list(texts), "truncate": truncate, "normalize": True})
    cut = {"truncate_prompt_tokens": -1} if truncate else {}
    return encoded({"input": list(texts), "model": "", **cut})


class Vectors:
    """Reads one whole answer.

    Args:
        count: how many texts were sent.
        where: who answers, for errors.
    """

    def __init__(self, count: int, where: str, framed: bool = False) -> None:
        self._count = count
        self._where = where
        self._parts: list[bytes] = []
        self.begun = False  # nothing is passed on before the end: it may be asked for again

    def feed(self, data: bytes) -> list[Any]:
        """Nothing yet."""
        self._parts.append(data)
        return []

    def close(self) -> list[Any]:
        """One float32 array (count, dimension), rows of unit length, in order.

        Raises:
            AnswerBroken: it does not hold a vector for each text.
        """
        try:
            said = orjson.loads(b"".join(self._parts))
            if isinstance(said, dict):
                rows = sorted(said["data"], key=lambda each: int(each["index"]))
                said = [each["embedding"] for each in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise broken(f"this holds no vectors: {error}", self._where) from error
        return [array(said, self._count, self._where)]


def array(rows: Any, count: int, where: str) -> Any:
    """A float32 array of rows of unit length.

    Args:
        count: how many there must be.

    Raises:
        AnswerBroken: there is no vector for each text.
    """
    import numpy as np

    try:
        found = np.asarray(rows, dtype=np.float32)
    except (ValueError, TypeError) as error:
        raise broken(f"this holds no vectors: {error}", where) from error
    if found.ndim != 2 or len(found) != count or not np.isfinite(found).all():
        raise broken(f"{count} texts got an array {found.shape}", where)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    if not lengths.all():
        raise broken("a vector is zero", where)
    return found / lengths
