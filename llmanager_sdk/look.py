"""What a namespace looks like now: the platform is listed, the rows are read, each life is seen.

In this order, as the sweep does it: what is listed and belongs to a life that is gone is up again,
and what no row knows when all of them were read afterwards has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from llmanager_sdk.core.life import SCHEMA, Life, Names, Seen, Slot
from llmanager_sdk.core.ports import Kind
from llmanager_sdk.costs import Cost, Look, cost
from llmanager_sdk.errors import PermissionMissing
from llmanager_sdk.ports.platform import Platform

AT_ONCE = 8
"""So many lives are looked at at once."""


@dataclass
class View:
    """One look at a namespace.

    Attributes:
        listed: (part, name) of all that the platform listed.
        looks: at lives that are not gone, and at those that are up again.
        rowless: what no row knows; empty while a row cannot be read, since it may know them.
        broken: (key, why) of rows that cannot be read.
        notes: what could not be looked at, and why.
    """

    platform: Platform
    at: float
    listed: set[tuple[str, str]] = field(default_factory=set)
    slots: list[Slot] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    rowless: list[Names] = field(default_factory=list)
    broken: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> dict[str, Kind]:
        """By their names."""
        return dict(self.platform.keeper.engine.kinds)

    @property
    def newer(self) -> list[str]:
        """Keys of slots that a newer version wrote."""
        return [slot.key for slot in self.slots if slot.schema > SCHEMA]

    def costs(self) -> list[Cost]:
        """What costs something now, the dearest first."""
        name, kinds = self.platform.name, self.kinds
        found = [cost(x, name, kinds[x.life.spec.kind].timing, "somebody else") for x in self.looks]
        return sorted(found, key=lambda each: (-each.status.price, each.status.key))


def look(platform: Platform) -> View:
    """Look at everything once."""
    engine = platform.keeper.engine
    view = View(platform, engine.clock.time())
    listed = _list(view)
    _read(view)
    known = {pair for slot in view.slots for life in slot.lives for pair in life.names.items()}
    if not (view.broken or view.newer):
        view.rowless = [names for names in listed if known.isdisjoint(names.items())]
    due = [
        (slot, life)
        for slot in view.slots
        for life in slot.lives
        if life.spec.kind in engine.kinds
        and (life.phase != "gone" or not view.listed.isdisjoint(life.names.items()))
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        view.looks = list(pool.map(lambda pair: _see(view, *pair), due))
    return view


def _list(view: View) -> Sequence[Names]:
    found: list[Names] = []
    for name, kind in view.kinds.items():
        try:
            found.extend(kind.list(view.platform.settings.namespace))
        except PermissionMissing as error:
            view.notes.append(f"what exists of kind {name} ({error.message})")
    view.listed = {pair for names in found for pair in names.items()}
    return found


def _read(view: View) -> None:
    cursor = ""
    while True:
        page = view.platform.keeper.engine.registry.scan(cursor)
        view.slots.extend(page.slots)
        view.broken.extend(page.broken)
        cursor = page.cursor
        if not cursor:
            return


def _see(view: View, slot: Slot, life: Life) -> Look:
    """One life; what cannot be seen counts as unknown, and is noted."""
    kind, seen, used = view.kinds[life.spec.kind], Seen.UNKNOWN, None
    try:
        seen = kind.observe(life)
        used = kind.used_outside(life) if life.phase == "ready" else -math.inf
    except Exception as error:  # one row hides no other
        why = getattr(error, "message", "") or repr(error)
        view.notes.append(f"{slot.key}, life {life.gen} ({why})")
    return Look(slot, life, seen, used, view.at)
