"""How commands print: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def as_json(data: object) -> None:
    """Print data as JSON."""
    print(json.dumps(data, indent=2, default=str))


def table(rows: Sequence[Mapping[str, Any]], empty: str) -> None:
    """Print rows under their column names, or `empty` if there are none."""
    if not rows:
        print(empty)
        return
    names = list(rows[0])
    cells = [names, *([str(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    for line in cells:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        )


def facts(pairs: Mapping[str, Any]) -> None:
    """Print names and values, one pair a line, leaving out what is empty."""
    width = max(len(name) for name in pairs)
    for name, value in pairs.items():
        if value not in ("", None, {}):
            print(f"{name.ljust(width)}  {value}")
