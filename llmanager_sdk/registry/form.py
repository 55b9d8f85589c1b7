"""A slot as text, and back: what every registry stores."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from llmanager_sdk.core.life import SCHEMA, Failure, Life, Page, Slot, Spec

Row = tuple[str, int, int, str]  # key, rev, schema, body


class BadSlot(ValueError):
    """A text that holds none."""


def dump(slot: Slot) -> str:
    """Its body; the rest is stored beside it."""
    body = {
        "next_gen": slot.next_gen,
        "lives": [asdict(life) | {"spec": life.spec._asdict()} for life in slot.lives],
        "failures": {digest: list(each) for digest, each in slot.failures.items()},
        "took": dict(slot.took),
    }
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


def load(key: str, rev: int, schema: int, text: str) -> Slot:
    """The slot; one of a newer schema comes without its lives."""
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
        raise BadSlot("the stored slot cannot be read") from error


def _life(body: dict[str, Any]) -> Life:
    return Life(**body | {"spec": Spec(**body["spec"])})


def page(rows: Iterable[Row], cursor: str) -> Page:
    """One bad row hides no other."""
    slots: list[Slot] = []
    broken: list[tuple[str, str]] = []
    for row in rows:
        try:
            slots.append(load(*row))
        except BadSlot as error:
            broken.append((row[0], str(error)))
    return Page(slots, cursor, broken)
