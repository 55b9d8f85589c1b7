"""Which embedding model made the vectors of a store, and whether another one is the same. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from llmanager_sdk.errors import ConfigurationError, EmbeddingMismatch

PROBE = "A probe that tells one embedding model from another."
"""The text whose vector is recorded."""
FAR = 0.05
"""How far, squared, a vector of unit length may move between machines and library versions."""


_GUESS = "guessed_name"
"""Where the identity is guessed: what the model seems to be called, or nothing."""


def guessed(kind: str, name: object) -> dict[str, Any]:
    """What is known of a model that says nothing of itself.

    Args:
        kind: its class, which tells a wrapper from what it wraps, and no model from another.
        name: what its attributes call the model, if they do.
    """
    name = name if isinstance(name, str) else ""
    return {"model": f"{kind}:{name}", _GUESS: name}


def identity_with(
    said: Mapping[str, Any], dimension: int, probe: Sequence[float]
) -> dict[str, Any]:
    """The identity of an embedding model.

    Args:
        said: what the model says of itself: name, revision, pooling, prompts, ...
        probe: its vector of `PROBE`.

    Raises:
        ConfigurationError: what it says cannot be kept.
    """
    length = sum(float(x) ** 2 for x in probe) ** 0.5 or 1.0
    vector = [round(float(x) / length, 5) for x in probe]
    return {**_kept(said), "dimension": dimension, "probe": vector}


def _kept(said: Mapping[str, Any]) -> dict[str, Any]:
    """What a model says, as it reads back from JSON: a tuple is a list then, and a path a text."""
    try:
        found: dict[str, Any] = json.loads(
            json.dumps(dict(said), default=os.fspath, allow_nan=False)
        )
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"what identity() of the embeddings returns cannot be kept: {error}",
            step="compare the embedding models",
            hint="have it return a dictionary of texts, numbers, and lists of them",
        ) from error
    return found


def check_identity(kept: Mapping[str, Any], now: Mapping[str, Any], store: str) -> None:
    """Refuse a model that is not the one that made a store's vectors.

    Raises:
        EmbeddingMismatch: with what differs.
    """
    keys = _compared(kept, now)
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


def _compared(kept: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What must be equal. A guess is compared with nothing but another one: beside a name that a
    model gave itself it says nothing, and the vectors do."""
    if _GUESS not in kept and _GUESS not in now:
        return sorted({*kept, *now} - {"probe"})
    named = kept.get(_GUESS) and now.get(_GUESS)
    return ["dimension", _GUESS] if named else ["dimension"]
