"""Which embedding model made the vectors of a store, and whether another one is the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llmanager_sdk.errors import EmbeddingMismatch

PROBE = "A probe that tells one embedding model from another."
"""The text whose vector is recorded."""
FAR = 0.05
"""How far, squared, a vector of unit length may move between machines and library versions."""


def identity_with(
    said: Mapping[str, Any], dimension: int, probe: Sequence[float]
) -> dict[str, Any]:
    """The identity of an embedding model.

    Args:
        said: what the model says of itself: name, revision, pooling, prompts, ...
        probe: its vector of `PROBE`.
    """
    length = sum(float(x) ** 2 for x in probe) ** 0.5 or 1.0
    return {**said, "dimension": dimension, "probe": [round(float(x) / length, 5) for x in probe]}


def check_identity(kept: Mapping[str, Any], now: Mapping[str, Any], store: str) -> None:
    """Refuse a model that is not the one that made a store's vectors.

    Raises:
        EmbeddingMismatch: with what differs.
    """
    keys = sorted({*kept, *now} - {"probe"})
    told = [f"{k}: {kept.get(k)!r}, now {now.get(k)!r}" for k in keys if kept.get(k) != now.get(k)]
    one, other = kept.get("probe"), now.get("probe")
    if not told and one and other:
        far = sum((a - b) ** 2 for a, b in zip(one, other, strict=True))
        if far > FAR:
            told = [f"the same text gets another vector (squared distance {far:.3f})"]
    if told:
        raise EmbeddingMismatch(
            f"the vectors of {store} were made by another embedding model: {'; '.join(told)}",
            resource=store,
            step="compare the embedding models",
            hint="use the model that it was made with, or another store for the new one",
        )
