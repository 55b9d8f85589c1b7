"""`llmanager reap`: one sweep, now, with the code that everything else deletes with."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from llmanager_sdk.cli.output import as_json
from llmanager_sdk.cli.resources import slots
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import Rest, decide
from llmanager_sdk.core.sweep import Report, sweep
from llmanager_sdk.platforms import resolve


def reap(args: argparse.Namespace) -> int:
    """Sweep the namespace once."""
    platform = resolve()
    engine = platform.keeper.engine
    if args.dry_run:
        report = _dry(engine)
    else:
        report = run(sweep(engine, platform.settings.namespace), engine.clock)
    if args.json:
        as_json(asdict(report))
    else:
        _tell(report, args.dry_run)
    return 1 if report.errors else 0


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
