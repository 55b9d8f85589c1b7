"""A slot as text, and back: the one form that every registry stores."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from llmanager_sdk.core.life import SCHEMA, Failure, Life, Slot, Spec
from llmanager_sdk.errors import RegistryError


def dump(slot: Slot) -> str:
    """The slot's body; key, rev and schema are stored beside it."""
    body = {
        "next_gen": slot.next_gen,
        "lives": [asdict(life) | {"spec": life.spec._asdict()} for life in slot.lives],
        "failures": {digest: list(each) for digest, each in slot.failures.items()},
        "took": dict(slot.took),
    }
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


def load(key: str, rev: int, schema: int, text: str) -> Slot:
    """The slot of a stored item. One of a newer schema comes without its lives.

    Raises:
        RegistryError: the text does not hold a slot.
    """
    if schema > SCHEMA:
        return Slot(key, rev, schema)
    try:
        body: dict[str, Any] = json.loads(text)
        return Slot(
            key=key,
            rev=rev,
            schema=schema,
            next_gen=body["next_gen"],
            lives=tuple(_life(each) for each in body["lives"]),
            failures={digest: Failure(*each) for digest, each in body["failures"].items()},
            took=body["took"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(
            "the stored slot cannot be read",
            resource=key,
            step="load",
            hint="it was written by something else: move the registry away, or mend the item",
        ) from error


def _life(body: dict[str, Any]) -> Life:
    return Life(**body | {"spec": Spec(**body["spec"])})
