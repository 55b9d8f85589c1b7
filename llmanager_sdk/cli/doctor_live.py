"""`llmanager doctor --live`: tries what nobody has verified about AWS, for at most so many $."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import llmanager_sdk
from llmanager_sdk.cli.output import table
from llmanager_sdk.doctor.live.bench import Bench
from llmanager_sdk.doctor.live.report import about, as_json, as_markdown
from llmanager_sdk.doctor.live.run import Done, Plan, carry_out, plan
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.platforms import resolve

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform

LIMIT = 2.0
"""What is proposed as the limit, $."""


def live(args: argparse.Namespace, platform: AwsPlatform | None = None) -> int:
    """Show what it costs at most, ask, try, clean up, and write a report."""
    aws: AwsPlatform = platform or resolve("aws")  # type: ignore[assignment]
    bench = Bench(aws, _limit(args), _say)
    names = [name.strip() for name in (args.only or "").split(",") if name.strip()]
    planned = plan(bench, names)
    _show(planned, bench)
    if not _agree(args):
        print("nothing was done")
        return 1
    done = carry_out(bench, planned.steps)
    _write(args, bench, planned, done)
    for each in done.left:
        print(f"LEFT: {each}", file=sys.stderr)
    return 0 if done.well else 1


def _say(line: str) -> None:
    print(line, flush=True)


def _limit(args: argparse.Namespace) -> float:
    """The most that may be spent: as it was given, or as a person answers."""
    text = args.limit
    if text is None:
        if args.yes or not sys.stdin.isatty():
            raise ConfigurationError(
                "the most that it may cost was not said", step="doctor --live", hint="--limit 2"
            )
        text = input(f"The most that it may cost, in $ [{LIMIT:.2f}]: ").strip() or str(LIMIT)
    try:
        limit = float(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no amount of $", hint="--limit 2") from error
    if not 0 <= limit < float("inf"):
        raise ConfigurationError(f"{text!r} is no amount of $ to spend", hint="--limit 2")
    return limit


def _show(planned: Plan, bench: Bench) -> None:
    """What is tried, and what it costs at most."""
    rows = [
        {
            "PROBE": step.probe.name,
            "AT MOST": "" if step.why_not else f"{step.probe.longest / 60:.0f} min",
            "$": "" if step.why_not else f"{step.most:.2f}",
            "FACT": step.why_not or step.probe.fact,
        }
        for step in planned.steps
    ]
    table(rows, "nothing is tried")
    print(
        f"\nAt most {planned.most:.2f} $ of the limit of {bench.limit:.2f} $: one endpoint at a "
        f"time, {planned.price:.3f} $/h, and a creation cannot be cut short.\n"
        f"If this process is killed meanwhile, {', '.join(planned.reapers)} cleans up, and at most "
        f"{planned.killed:.2f} $ are spent."
    )


def _agree(args: argparse.Namespace) -> bool:
    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigurationError("--live asks, and nobody can answer here", hint="say --yes")
    return input("Go on? [y/N] ").strip().lower() in ("y", "yes")


def _write(args: argparse.Namespace, bench: Bench, planned: Plan, done: Done) -> None:
    """The report, in two files."""
    account = bench.platform.account
    version = llmanager_sdk.__version__
    facts = about(account.identity().account, account.region, version, bench.began)
    folder = Path(args.report)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"llmanager-live-{bench.token}"
    (folder / f"{name}.json").write_text(as_json(done, planned, facts))
    (folder / f"{name}.md").write_text(as_markdown(done, planned, facts))
    told = as_json(done, planned, facts) if args.json else f"\n{folder / name}.md"
    print(told)
