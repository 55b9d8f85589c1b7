"""`llmanager ceiling`: the most that can be spent if everything but the reaper crashes now."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from llmanager_sdk.cli.output import as_json
from llmanager_sdk.cli.spending import Around, unseen
from llmanager_sdk.costs import part_of
from llmanager_sdk.look import View, look
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.resource.status import duration

if TYPE_CHECKING:
    from llmanager_sdk.ceiling import Ceiling, Line


def ceiling(args: argparse.Namespace) -> int:
    """The most that can be spent if everything but the reaper crashes now."""
    return show(resolve(), as_data=args.json)


def show(platform: Platform, *, as_data: bool) -> int:
    """The same, of any platform; 1 where there is no ceiling."""
    if platform.name != "aws":
        as_json({"total": 0.0}) if as_data else print("0 $: nothing costs money on local")
        return 0
    view = look(platform)
    around = Around.of(platform, view)
    found = computed(view, around)
    floor = _floor(around)
    if as_data:
        as_json(as_dict(found) | {"floor_month": floor})
    else:
        print("\n".join([*told(found), *_beside(around, view, floor)]))
    return 1 if found.unbounded else 0


def computed(view: View, around: Around) -> Ceiling:
    """The sum, of what was seen."""
    from llmanager_sdk.aws.bounds import assumed
    from llmanager_sdk.ceiling import ceiling as add_up

    endless = [
        f"no row knows {x.name}, {_rate(x.price)}, and nothing deletes it: `llmanager doctor --fix`"
        for x in around.strays
        if x.price != 0.0
    ]
    endless += [f"the row of {key} cannot be read: {why}" for key, why in view.broken]
    if around.words is not None and around.words.off_by:
        endless.append(f"the reapers are off ({around.words.off_by}): `llmanager reap --on`")
    return add_up(
        view.slots,
        around.living,
        assumed(around.living, view.at),
        view.at,
        around.cap,
        seen={(x.slot.key, x.life.gen): x.seen for x in view.looks},
        existing=view.listed,
        unbounded=endless,
    )


def _rate(price: float | None) -> str:
    return "of unknown price" if price is None else f"{price:.2f} $/h"


def told(found: Ceiling) -> list[str]:
    """The sum, line by line."""
    lines = ["If every process but the reaper ends now, at most this is spent from now on:", ""]
    for line in found.lines:
        lines += [*_sum(line), ""]
    if found.unbounded:
        lines.append("There is no ceiling:")
        return lines + [f"  {why}" for why in found.unbounded]
    if not found.lines:
        return ["0.00 $: nothing that costs money exists, or is about to"]
    lines.append(f"in all {found.total:.2f} $; nothing is left after {duration(found.seconds)}")
    return lines


def _sum(line: Line) -> list[str]:
    lines = [
        f"{line.key} (life {line.gen}, {line.phase}): {line.price:.2f} $/h x "
        f"{line.seconds / 60:.0f} min = {line.amount:.2f} $"
    ]
    return lines + [f"  {part.seconds / 60:7.1f} min  {part.why}" for part in line.parts]


def _beside(around: Around, view: View, floor: float | None) -> list[str]:
    """What is not part of the sum."""
    rate = sum(x.life.price for x in view.looks)
    lines = [
        f"Nothing new can begin then. While clients run they may create up to "
        f"{around.cap:.2f} $/h; {part_of(rate, around.cap)} is used.",
        around.reapers(),
    ]
    if floor is not None:
        lines.append(f"The stack costs about {floor:.2f} $ a month besides, while it is deployed.")
    return lines + unseen(view)


def _floor(around: Around) -> float | None:
    """Of the stack, $ a month; None where there is none."""
    if not around.stack:
        return None
    from llmanager_sdk.deploy.floor import floor
    from llmanager_sdk.deploy.templates import template

    return sum(item.dollars for item in floor(template()))


def as_dict(found: Ceiling) -> dict[str, Any]:
    """Plain data, for JSON."""
    return {
        "at": found.at,
        "total": found.total if math.isfinite(found.total) else None,
        "unbounded": list(found.unbounded),
        "seconds": found.seconds if math.isfinite(found.seconds) else None,
        "cap": found.cap,
        "rate": found.rate,
        "reapers": dict(found.reapers),
        "lines": [
            {
                "key": line.key,
                "gen": line.gen,
                "phase": line.phase,
                "price": line.price,
                "seconds": line.seconds,
                "amount": line.amount,
                "parts": [part._asdict() for part in line.parts],
            }
            for line in found.lines
        ],
    }
