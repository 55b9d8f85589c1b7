"""One round of cleaning up a namespace: what the reaper runs, and `llmanager reap`.

The platform is listed before the rows are read: what a late request brought up again is seen as
part of a life that is gone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from llmanager_sdk.core.drivers import Effect, Steps
from llmanager_sdk.core.life import (
    SCHEMA,
    Delete,
    Life,
    Move,
    Names,
    Page,
    Rest,
    Seen,
    Slot,
    Write,
    decide,
)
from llmanager_sdk.core.ports import Clock, Reapable, Registry

STEPS = 8  # on a life: claim, push, look, bury, and some lost races

K_co = TypeVar("K_co", bound="Reapable", covariant=True)
Entry = tuple[str, int, str]


class Cleaner(Generic[K_co]):
    """Takes the steps that `decide` allows, or only names them, as the worker `me`."""

    def __init__(
        self,
        registry: Registry,
        kinds: Mapping[str, K_co],
        clock: Clock,
        *,
        me: str,
        acts: bool = True,
    ) -> None:
        self.registry = registry
        self.kinds = kinds
        self.clock = clock
        self.me = me
        self.acts = acts

    def read(self, key: str) -> Steps[Slot]:
        """Strongly consistent."""
        slot: Slot = yield Effect("read", lambda: self.registry.read(key))
        return slot

    def swap(self, old: Slot, new: Slot) -> Steps[bool]:
        """The only write: compare and set."""
        won: bool = yield Effect("swap", lambda: self.registry.swap(old, new))
        return won

    def observe(self, life: Life) -> Steps[Seen]:
        """One look."""
        kind = self.kinds[life.spec.kind]
        seen: Seen = yield Effect("observe", lambda: kind.observe(life))
        return seen

    def settle(self, slot: Slot, life: Life) -> Steps[Move]:
        """One step on a life of a slot."""
        kind = self.kinds.get(life.spec.kind)
        if kind is None:
            return Rest(f"no kind called {life.spec.kind!r} is known here", unknown=True)
        now = self.clock.time()
        seen = yield from self.observe(life)
        used: float | None = -math.inf
        if life.phase == "ready":
            used = yield Effect("used_outside", lambda: kind.used_outside(life))
        move = decide(slot, life, seen, used, now, self.me, kind.timing)
        if not self.acts:
            return move
        match move:
            case Write(new):
                yield from self.swap(slot, new)
            case Delete():
                yield Effect("delete", lambda: kind.delete(life))
        return move

    def settle_all(self, key: str, gen: int, *, limit: int = STEPS) -> Steps[list[Move]]:
        """Each step on a fresh read, until it rests."""
        moves: list[Move] = []
        for _ in range(limit if self.acts else 1):
            slot = yield from self.read(key)
            life = slot.life(gen)
            if life is None:
                break
            moves.append((yield from self.settle(slot, life)))
            if isinstance(moves[-1], Rest):
                break
        return moves


@dataclass
class Report:
    """What a round did and spared, and why."""

    done: list[Entry] = field(default_factory=list)  # or what would be
    spared: list[Entry] = field(default_factory=list)
    unknown: list[Entry] = field(default_factory=list)  # no signal
    twins: list[tuple[str, int]] = field(default_factory=list)  # up again
    rowless: list[Names] = field(default_factory=list)  # for a person
    errors: list[tuple[str, str]] = field(default_factory=list)
    spend: float = 0.0  # at worst, $/h
    idle: float = 0.0  # of it, what is past its recorded deadline
    cursor: str = ""  # where the next round goes on


def sweep(
    cleaner: Cleaner[Reapable], namespace: str, *, cursor: str = "", until: float = math.inf
) -> Steps[Report]:
    """Visit every life, from where an earlier round ran out of time."""
    report = Report()
    listed = yield from _list(cleaner, namespace, report)
    due = yield from _scan(cleaner, listed, report)
    first = True
    for key, gens in due.items():
        if key < cursor:
            continue
        if not first and cleaner.clock.time() > until:
            report.cursor = key
            break
        first = False
        for gen in gens:
            try:
                yield from _work(cleaner, key, gen, report)
            except Exception as error:
                report.errors.append((key, _text(error)))
    return report


def _list(cleaner: Cleaner[Reapable], namespace: str, report: Report) -> Steps[list[Names]]:
    listed: list[Names] = []
    for name, kind in cleaner.kinds.items():
        try:
            found = yield Effect("list", lambda kind=kind: list(kind.list(namespace)))  # type: ignore[misc]
            listed.extend(found)
        except Exception as error:
            report.errors.append((name, _text(error)))
    return listed


def _scan(
    cleaner: Cleaner[Reapable], listed: list[Names], report: Report
) -> Steps[dict[str, list[int]]]:
    """The lives to visit, by their keys."""
    existing = {pair for names in listed for pair in names.items()}
    known: set[tuple[str, str]] = set()
    due: dict[str, list[int]] = {}
    cursor, legible = "", True
    while True:
        page: Page = yield Effect("scan", lambda at=cursor: cleaner.registry.scan(at))  # type: ignore[misc]
        report.errors.extend(page.broken)
        legible = legible and not page.broken
        for slot in page.slots:
            if slot.schema > SCHEMA:
                legible = False
                report.unknown.append((slot.key, 0, "a newer version of llmanager wrote this"))
                continue
            for life in slot.lives:
                mine = life.names.items()
                known.update(mine)
                if _is_due(cleaner, slot.key, life, not existing.isdisjoint(mine), report):
                    due.setdefault(slot.key, []).append(life.gen)
        cursor = page.cursor
        if not cursor:
            break
    if legible:  # else another row may know them
        report.rowless = [names for names in listed if known.isdisjoint(names.items())]
    return due


def _is_due(cleaner: Cleaner[Reapable], key: str, life: Life, there: bool, report: Report) -> bool:
    """A dead one only if it is up again, or old enough."""
    now = cleaner.clock.time()
    dead = life.phase == "gone"
    if there or not dead:
        report.spend += life.price
        report.idle += life.price if dead or now > life.held_until() else 0.0
    if dead and there:
        report.twins.append((key, life.gen))
    kind = cleaner.kinds.get(life.spec.kind)
    old = kind is not None and now > life.gone_at + kind.timing.tombstone
    return there or not dead or old


def _text(error: Exception) -> str:
    return str(getattr(error, "message", "")) or repr(error)


def _work(cleaner: Cleaner[Reapable], key: str, gen: int, report: Report) -> Steps[None]:
    for move in (yield from cleaner.settle_all(key, gen)):
        entry = (key, gen, move.why)
        if not isinstance(move, Rest):
            report.done.append(entry)
        else:
            (report.unknown if move.unknown else report.spared).append(entry)
