"""`llmanager doctor`: whether everything is as it must be, and, with --fix, what would mend it."""

from __future__ import annotations

import argparse
import sys

from llmanager_sdk.cli.output import as_json
from llmanager_sdk.doctor.finding import Check, Result, examine, mend
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.settings import Settings

MARKS = {True: "ok  ", False: "FAIL", None: "?   "}


def doctor(args: argparse.Namespace) -> int:
    """Run every check; 1 if one of them fails, and is not mended."""
    if args.live:
        from llmanager_sdk.cli.doctor_live import live

        return live(args)
    if args.fix and args.json:
        raise ConfigurationError("--fix asks, and --json does not", hint="give one of the two")
    results = list(_told(args))
    if args.json:
        as_json([each.as_dict() for each in results])
    fixes = [fix for each in results for fix in each.finding.fixes]
    wrong = [each for each in results if each.finding.ok is False]
    if args.fix:
        mended = mend(results, lambda title: _agree(args, title), print)
        wrong = [each for each in wrong if not (mended and each.finding.fixes)]
        if not fixes:
            print("there is nothing to fix")
    elif fixes and not args.json:
        print(f"\n`llmanager doctor --fix` would, after asking for each of {len(fixes)}:")
        print("\n".join(f"  {fix.title}" for fix in fixes))
    return 1 if wrong else 0


def _told(args: argparse.Namespace) -> list[Result]:
    """Every check, printed as it is made."""
    checks = _checks()
    width = max(map(len, checks))
    results = []
    for each in examine(checks):
        results.append(each)
        if not args.json:
            print(f"{MARKS[each.finding.ok]}  {each.name.ljust(width)} {each.finding.text}")
    return results


def _checks() -> dict[str, Check]:
    if Settings.load().platform == "aws":
        from llmanager_sdk.cli.doctor_aws import checks

        return checks()
    from llmanager_sdk.cli.doctor_local import checks as local_checks

    return local_checks()


def _agree(args: argparse.Namespace, title: str) -> bool:
    """Ask for one fix."""
    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "--fix asks for each fix, and nobody can answer here", step=title, hint="say --yes"
        )
    return input(f"{title}? [y/N] ").strip().lower() in ("y", "yes")
