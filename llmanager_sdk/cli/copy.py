"""`llmanager copy history FROM TO`: sessions from one history to another, between platforms too."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from llmanager_sdk.cli.output import as_json
from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import ConfigurationError, StoreError
from llmanager_sdk.platforms import make
from llmanager_sdk.ports.history import HistoryStore
from llmanager_sdk.ports.history_copy import Copied, copy_sessions
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.settings import PLATFORMS, Settings

if TYPE_CHECKING:
    from llmanager_sdk.aws.history_import import Imported

FOREIGN = "dynamodb"
"""The place of a table of langchain-community's `DynamoDBChatMessageHistory`."""
PAUSE_S = 1.0
"""Between two words about the progress."""


def copy(args: argparse.Namespace) -> int:
    """Copy, and say how much; 1 if something that was asked for was not copied."""
    target, progress = _platform(args.target), Progress()
    kind, _, table = args.source.partition(":")
    report: Copied | Imported
    try:
        if kind == FOREIGN:
            report = _import(args, table, target.history(), progress)
        else:
            source = _platform(args.source)
            if source.settings == target.settings:
                raise ConfigurationError(
                    f"{args.source} and {args.target} are the same history",
                    step="copy",
                    hint="name another namespace behind the colon, such as local:tests",
                )
            report = copy_sessions(
                source.history(), target.history(), args.session, after=args.after, told=progress
            )
    except StoreError:
        progress.broken(args.source)
        raise
    return _tell(args, report)


def _import(
    args: argparse.Namespace, table: str, target: HistoryStore, progress: Progress
) -> Imported:
    from llmanager_sdk.aws.account import Account
    from llmanager_sdk.aws.history_import import import_sessions
    from llmanager_sdk.history_messages import sound

    if args.after or not table:
        raise ConfigurationError(
            f"{args.source!r} names no table" if not table else "a table has no order to go on in",
            step="copy",
            hint=f"say {FOREIGN}:TABLE, and repeat the whole copy if it was interrupted",
        )
    settings = Settings.load()
    account = Account(
        profile=settings.profile or None,
        region=settings.region or None,
        role_arn=settings.assume_role or None,
    )
    return import_sessions(
        account.client("dynamodb"),
        table,
        target,
        choices=args.session,
        key=args.key.split(","),
        messages=args.messages,
        ends=args.ends,
        sound=sound,
        told=progress,
    )


def _platform(place: str) -> Platform:
    """Of `local:` or `aws:`, and of a namespace that may stand behind it."""
    name, colon, namespace = place.partition(":")
    if name not in PLATFORMS or not colon:
        raise ConfigurationError(
            f"{place!r} is no place of histories",
            step="copy",
            hint=f"say local: or aws:, and perhaps a namespace behind it; {FOREIGN}:TABLE is a "
            "place to copy from",
        )
    settings = replace(Settings.load(), platform=name)
    return make(replace(settings, namespace=namespace) if namespace else settings)


class Progress:
    """Lines beside the output, one a second at most.

    Args:
        clock: shows the time.
    """

    def __init__(self, clock: Clock = SYSTEM) -> None:
        self._clock = clock
        self._told = clock.monotonic()
        self._last = ""

    def __call__(self, session: str, report: Copied | Imported) -> None:
        """A session is copied."""
        self._last = session
        if self._clock.monotonic() - self._told >= PAUSE_S:
            self._told = self._clock.monotonic()
            told = f"{report.sessions:,} sessions, {report.messages:,} new messages"
            print(f"{told}; {session}", file=sys.stderr, flush=True)

    def broken(self, source: str) -> None:
        """Say how to go on."""
        more = "" if source.startswith(FOREIGN) else f" --after {shlex.quote(self._last)}"
        if self._last:
            how = f"the same with{more}" if more else "the same again"
            told = f"all sessions up to {self._last} are copied; to go on: {how}"
            print(told, file=sys.stderr, flush=True)


def _tell(args: argparse.Namespace, report: Copied | Imported) -> int:
    told = asdict(report)
    failed = told.get("failed", [])
    if args.json:
        as_json(told)
    else:
        print(f"{report.sessions:,} sessions, of which {report.messages:,} messages are new")
        if report.ended:
            print(f"{report.ended:,} sessions had come to their end")
        if told.get("others"):
            print(f"{told['others']:,} items are no sessions")
        for session, why in failed:
            print(f"not copied: {session}: {why}")
        for session in report.missing:
            print(f"not there: {session}")
    return 1 if failed or report.missing else 0
