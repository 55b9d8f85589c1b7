"""`llmanager reap`: one sweep, or one after the other, with the code that deletes everywhere."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from llmanager_sdk.cli.output import as_json
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.ports import Kind
from llmanager_sdk.core.sweep import Cleaner, Report, sweep
from llmanager_sdk.errors import ConfigurationError, LLManagerError
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.settings import seconds

LIMIT = 0.8
"""Of the time between two sweeps one may take; the next goes on where it stopped."""
EVERY_MOST_S = 900.0
"""Between two sweeps: one that is killed counts as alive for three times that."""


def reap(args: argparse.Namespace) -> int:
    """Sweep the namespace once, or for ever; or turn all its reapers off or on."""
    platform = resolve()
    if args.off or args.on:
        who = f"{getpass.getuser()}@{socket.gethostname()}"
        return _turn(platform, "" if args.on else who if args.off == "-" else f"{who}: {args.off}")
    if args.watch:
        every, told = _every(args.every), as_lines if args.json else _tell
        with _terminated_like_ctrl_c():
            return watch(platform, every, told, lambda: False)
    off_by = _off_by(platform)
    cleaner = _cleaner(platform, acts=not (args.dry_run or off_by))
    report = run(sweep(cleaner, platform.settings.namespace), cleaner.clock)
    if args.json:
        as_json(asdict(report) | {"off_by": off_by})
    else:
        _tell(report, args.dry_run or bool(off_by))
        if off_by:
            print(f"the reapers are off ({off_by}): nothing was deleted")
    return 1 if report.errors else 0


def _every(text: str) -> float:
    every = seconds(text, "every")
    if every > EVERY_MOST_S:
        raise ConfigurationError(
            f"--every {text} is too long: a reaper that is killed would count as alive for three "
            "times that, while nobody deletes anything",
            step="reap",
            hint=f"say --every {EVERY_MOST_S / 60:.0f}m, or less",
        )
    return max(every, 1.0)


@contextmanager
def _terminated_like_ctrl_c() -> Iterator[None]:
    """What ends containers (SIGTERM) ends the heartbeat first, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _cleaner(platform: Platform, acts: bool) -> Cleaner[Kind]:
    engine = platform.keeper.engine
    return Cleaner(engine.registry, engine.kinds, engine.clock, me=engine.me, acts=acts)


def _off_by(platform: Platform) -> str:
    beats = getattr(platform, "beats", None)
    return beats.words().off_by if beats is not None else ""


def _turn(platform: Platform, off_by: str) -> int:
    """The kill switch."""
    beats = getattr(platform, "beats", None)
    if beats is None:
        raise ConfigurationError(
            f"the platform {platform.name} has no reapers to turn off: each engine ends itself",
            step="reap",
            hint="pin what shall stay, or set LLMANAGER_PLATFORM=aws",
        )
    beats.switch(off_by)
    print(
        f"off ({off_by}): no reaper of the namespace {platform.settings.namespace} deletes "
        "anything, and nothing that costs money is created; programs still end what they used "
        "themselves"
        if off_by
        else "on"
    )
    return 0


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
    clock, beats = platform.keeper.engine.clock, getattr(platform, "beats", None)
    source = f"watch@{socket.gethostname()}:{os.getpid()}"
    namespace = platform.settings.namespace
    cursor = ""
    try:
        while True:
            began = clock.time()
            until = began + LIMIT * every
            cleaner = _cleaner(platform, acts=True)
            try:
                if beats is None:
                    report = run(sweep(cleaner, namespace, cursor=cursor, until=until), clock)
                    off_by = ""
                else:
                    from llmanager_sdk.aws.reaper import reap as once

                    report, off_by = once(cleaner, beats, namespace, source, until, every)
                cursor = report.cursor
                tell(report, bool(off_by))
            except LLManagerError as error:  # a service that is away for a while comes back
                print(f"llmanager reap: {error}", file=sys.stderr, flush=True)
            if over():
                return 0
            clock.sleep(max(0.0, began + every - clock.time()))
    finally:
        if beats is not None:
            beats.end(source)


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
