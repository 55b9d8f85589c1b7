"""Requests for embeddings, and the vectors of their answers: OpenAI's form and TEI's. Pure.

OpenAI: {"input": [...]} -> {"data": [{"index": 0, "embedding": [...]}]}. Text Embeddings
Inference: {"inputs": [...], "truncate": true} -> [[...]].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from llmanager_sdk.wire.errors import broken


def request(texts: Sequence[str], wire: str, *, truncate: bool) -> bytes:
    """The body for some texts.

    Args:
        wire: "tei" or "openai-embeddings".
        truncate: cut off what the model does not take; else the server refuses it.
    """
    if wire == "tei":
        return orjson.dumps({"inputs": list(texts), "truncate": truncate, "normalize": True})
    cut = {"truncate_prompt_tokens": -1} if truncate else {}
    return orjson.dumps({"input": list(texts), "model": "", **cut})


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
        import numpy as np

        try:
            said = orjson.loads(b"".join(self._parts))
            if isinstance(said, dict):
                rows = sorted(said["data"], key=lambda each: int(each["index"]))
                said = [each["embedding"] for each in rows]
            array = np.asarray(said, dtype=np.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise broken(f"this holds no vectors: {error}", self._where) from error
        if array.ndim != 2 or len(array) != self._count or not np.isfinite(array).all():
            raise broken(f"{self._count} texts got an array {array.shape}", self._where)
        lengths = np.linalg.norm(array, axis=1, keepdims=True)
        if not lengths.all():
            raise broken("a vector is zero", self._where)
        return [array / lengths]
