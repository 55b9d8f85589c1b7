"""One round of cleaning up a namespace: what the reaper runs, and `llmanager reap`.

`Cleaner` carries out what `life.decide` says about one life; `sweep` visits them all.

It lists the platform first and scans the rows afterwards, so that a resource which a late
request brought up again is seen as what it is: something that belongs to a life that is gone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from llmanager_sdk.core.drivers import Effect, Steps
from llmanager_sdk.core.life import SCHEMA, Delete, Life, Move, Rest, Seen, Slot, Write, decide
from llmanager_sdk.core.ports import Clock, Names, Page, Reapable, Registry
from llmanager_sdk.errors import LLManagerError

STEPS = 8
"""The most steps on one life in one round: claim, push, look, bury, and some lost races."""


K_co = TypeVar("K_co", bound=Reapable, covariant=True)


class Cleaner(Generic[K_co]):
    """One who may take the steps that `decide` allows.

    Args:
        registry: where the slots are.
        kinds: by the name that a spec carries; a life of another kind is spared.
        clock: this process's time.
        me: this process's name as a worker, unique for ever.
    """

    def __init__(
        self, registry: Registry, kinds: Mapping[str, K_co], clock: Clock, *, me: str
    ) -> None:
        self.registry = registry
        self.kinds = kinds
        self.clock = clock
        self.me = me

    def read(self, key: str) -> Steps[Slot]:
        """One strongly consistent read."""
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
        """Take the step that `decide` allows on one life of a slot, as read."""
        kind = self.kinds.get(life.spec.kind)
        if kind is None:
            return Rest(f"no kind called {life.spec.kind!r} is known here", unknown=True)
        now = self.clock.time()
        seen = yield from self.observe(life)
        used: float | None = -math.inf
        if life.phase == "ready":
            used = yield Effect("used_outside", lambda: kind.used_outside(life))
        move = decide(slot, life, seen, used, now, self.me, kind.timing)
        match move:
            case Write(new):
                yield from self.swap(slot, new)
            case Delete():
                yield Effect("delete", lambda: kind.delete(life))
        return move

    def settle_all(self, key: str, gen: int, *, limit: int = STEPS) -> Steps[list[Move]]:
        """Step after step on one life, each on a fresh read, until it rests."""
        moves: list[Move] = []
        for _ in range(limit):
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
    """What a round did and spared, and why.

    Attributes:
        done: (key, gen, what) for each step taken.
        spared: (key, gen, why) for each life left alone.
        unknown: (key, gen, why) for each life spared because a signal is missing.
        twins: lives that were up again after their death.
        rowless: names on the platform that no row knows: for a person to judge.
        errors: (key, text) for what could not be worked on.
        cursor: where the next round goes on; empty when all slots were visited.
    """

    done: list[tuple[str, int, str]] = field(default_factory=list)
    spared: list[tuple[str, int, str]] = field(default_factory=list)
    unknown: list[tuple[str, int, str]] = field(default_factory=list)
    twins: list[tuple[str, int]] = field(default_factory=list)
    rowless: list[Names] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    cursor: str = ""


def sweep(
    cleaner: Cleaner[Reapable], namespace: str, *, cursor: str = "", until: float = math.inf
) -> Steps[Report]:
    """Visit every life of a namespace once and take the steps that `decide` allows.

    Args:
        cleaner: whose kinds and registry are visited.
        cursor: where an earlier round stopped for want of time.
        until: when to stop, on the cleaner's clock.
    """
    report = Report()
    listed: list[Names] = []
    for name, kind in cleaner.kinds.items():
        try:
            found = yield Effect("list", lambda kind=kind: list(kind.list(namespace)))  # type: ignore[misc]
            listed.extend(found)
        except Exception as error:
            report.errors.append((name, _text(error)))
    existing = {pair for names in listed for pair in names.items()}
    known: set[tuple[str, str]] = set()
    whole = not cursor
    while True:
        page: Page = yield Effect("scan", lambda at=cursor: cleaner.registry.scan(at))  # type: ignore[misc]
        for slot in page.slots:
            known.update(pair for life in slot.lives for pair in life.names.items())
            yield from _visit(cleaner, slot, existing, report)
        cursor = page.cursor
        if not cursor or cleaner.clock.time() > until:
            break
    report.cursor = cursor
    if whole and not cursor:
        report.rowless = [names for names in listed if known.isdisjoint(names.items())]
    return report


def _visit(
    cleaner: Cleaner[Reapable], slot: Slot, existing: Set[tuple[str, str]], report: Report
) -> Steps[None]:
    if slot.schema > SCHEMA:
        report.unknown.append((slot.key, 0, "a newer version of llmanager wrote this slot"))
        return
    for life in slot.lives:
        there = not existing.isdisjoint(life.names.items())
        if life.phase == "gone":
            kind = cleaner.kinds.get(life.spec.kind)
            old = kind and cleaner.clock.time() > life.gone_at + kind.timing.tombstone
            if not there and not old:
                continue
            if there:
                report.twins.append((slot.key, life.gen))
        try:
            yield from _work(cleaner, slot.key, life, report)
        except Exception as error:
            report.errors.append((slot.key, _text(error)))


def _text(error: Exception) -> str:
    """What one kind or life could not do: reported, since the others must not go unvisited."""
    return error.message if isinstance(error, LLManagerError) else repr(error)


def _work(cleaner: Cleaner[Reapable], key: str, life: Life, report: Report) -> Steps[None]:
    for move in (yield from cleaner.settle_all(key, life.gen)):
        entry = (key, life.gen, move.why)
        if not isinstance(move, Rest):
            report.done.append(entry)
        else:
            (report.unknown if move.unknown else report.spared).append(entry)
