"""`llmanager reap`: one sweep, or one after the other, with the code that deletes everywhere."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict

from llmanager_sdk.cli.output import as_json
from llmanager_sdk.cli.resources import slots
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import Rest, decide
from llmanager_sdk.core.sweep import Report, sweep
from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.settings import seconds

LIMIT = 0.8
"""Of the time between two sweeps one may take; the next goes on where it stopped."""


def reap(args: argparse.Namespace) -> int:
    """Sweep the namespace once, or for ever."""
    platform = resolve()
    engine = platform.keeper.engine
    if args.watch:
        every = seconds(args.every, "every")
        told = as_lines if args.json else _tell
        return watch(platform, max(every, 1.0), told, lambda: False)
    if args.dry_run:
        report = _dry(engine)
    else:
        report = run(sweep(engine, platform.settings.namespace), engine.clock)
    if args.json:
        as_json(asdict(report))
    else:
        _tell(report, args.dry_run)
    return 1 if report.errors else 0


def as_lines(report: Report, dry: bool = False) -> None:
    """One line of JSON for each sweep."""
    print(json.dumps(asdict(report)), flush=True)


def watch(
    platform: Platform,
    every: float,
    tell: Callable[[Report, bool], None],
    over: Callable[[], bool],
) -> int:
    """Sweep, and say so to the others: while this runs, it is a living reaper.

    Args:
        platform: whose namespace.
        every: seconds from the beginning of a sweep to that of the next one.
        tell: gets each report.
        over: asked after each sweep; true ends it.
    """
    engine, beats = platform.keeper.engine, getattr(platform, "beats", None)
    source = f"watch@{socket.gethostname()}:{os.getpid()}"
    cursor = ""
    try:
        while True:
            began = engine.clock.time()
            try:
                steps = sweep(
                    engine, platform.settings.namespace, cursor=cursor, until=began + LIMIT * every
                )
                report = run(steps, engine.clock)
                cursor = report.cursor
                if beats is not None:
                    beats.beat(source, every)
                tell(report, False)
            except LLManagerError as error:  # a service that is away for a while comes back
                print(f"llmanager reap: {error}", file=sys.stderr, flush=True)
            if over():
                return 0
            engine.clock.sleep(max(0.0, began + every - engine.clock.time()))
    finally:
        if beats is not None:
            beats.end(source)


def _dry(engine: object) -> Report:
    from llmanager_sdk.core.engine import Engine

    assert isinstance(engine, Engine)
    report = Report()
    for slot in slots(engine):
        for life in slot.lives:
            kind = engine.kinds.get(life.spec.kind)
            if kind is None or life.phase == "gone":
                continue
            used = kind.used_outside(life) if life.phase == "ready" else float("-inf")
            now = engine.clock.time()
            move = decide(slot, life, kind.observe(life), used, now, engine.me, kind.timing)
            kept = report.spared if isinstance(move, Rest) else report.done
            kept.append((slot.key, life.gen, move.why))
    return report


def _tell(report: Report, dry: bool) -> None:
    for key, gen, why in report.done:
        print(f"{'would go' if dry else 'done'}    {key} (life {gen}): {why}")
    for key, gen, why in report.unknown:
        print(f"unknown {key} (life {gen}): {why}")
    for key, gen, why in report.spared:
        if why != "it is gone":
            print(f"spared  {key} (life {gen}): {why}")
    for names in report.rowless:
        print(f"rowless {', '.join(names.values())}: no row knows it; nothing was done")
    for key, text in report.errors:
        print(f"error   {key}: {text}")
    if not (report.done or report.unknown or report.errors):
        print("nothing to delete")
