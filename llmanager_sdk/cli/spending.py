"""`llmanager ls`: what costs money now, how much so far, when it goes and why, who deletes it."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmanager_sdk.cli.output import as_json, table
from llmanager_sdk.costs import Cost, part_of, total
from llmanager_sdk.look import View, look
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.resource.status import duration

if TYPE_CHECKING:
    from llmanager_sdk.aws.guard import Beat, Words
    from llmanager_sdk.aws.platform import AwsPlatform
    from llmanager_sdk.aws.rowless import Stray

KEEP_OR_DELETE = (
    "nothing ever deletes these: use one as it is (endpoint_name=...), or delete what bears the "
    "namespace's tags with `llmanager doctor --fix`"
)


def ls(args: argparse.Namespace) -> None:
    """What exists now, what it costs, and when it goes."""
    show(resolve(), as_data=args.json)


def show(platform: Platform, *, as_data: bool) -> None:
    """The same, of any platform."""
    view = look(platform)
    around = Around.of(platform, view)
    costs = view.costs()
    if as_data:
        as_json([each.as_dict() for each in costs] + around.rowless_dicts())
        return
    nothing = f"nothing is running on {platform.name} (namespace {platform.settings.namespace})"
    table([row(each, platform.name) for each in costs], nothing)
    for line in [*around.lines(costs), *unseen(view)]:
        print(line)


def row(each: Cost, platform: str) -> dict[str, Any]:
    """One line of the table; on a platform that costs nothing, without money."""
    status = each.status
    money = {"$/H": f"{status.price:.2f}", "SPENT": f"{each.spent:.2f} $"}
    return {
        "NAME": status.key,
        "KIND": status.kind,
        "STATE": status.phase,
        **(money if platform == "aws" else {}),
        "AGE": duration(max(each.look.at - status.since, 0.0)) if status.since else "",
        "LAST USE": each.last_use,
        "GOES": status.leaves.removeprefix("goes "),
        "WHY": each.why,
    }


def unseen(view: View) -> list[str]:
    """What a look did not see, for people."""
    told = [f"could not be seen: {each}" for each in view.notes]
    told += [f"a row cannot be read: {key}: {why}" for key, why in view.broken]
    return told + [f"{key}: a newer llmanager-sdk wrote this slot" for key in view.newer]


@dataclass
class Around:
    """What an account says of a namespace beside its rows; empty on a platform without one."""

    now: float = 0.0
    cap: float = 0.0
    words: Words | None = None
    strays: list[Stray] = field(default_factory=list)
    stack: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, platform: Platform, view: View) -> Around:
        """Ask it."""
        if platform.name != "aws":
            return cls()
        from llmanager_sdk.aws.rowless import Strays

        aws: AwsPlatform = platform  # type: ignore[assignment]
        outputs = dict(aws.stack.outputs())
        if aws.stack.note:
            view.notes.append(aws.stack.note)
        return cls(
            now=view.at,
            cap=aws.stack.cap(aws.settings.cap),
            words=aws.beats.words(),
            strays=Strays(aws.account, aws.settings.namespace).look(view.rowless),
            stack=outputs,
        )

    @property
    def living(self) -> list[Beat]:
        """The reapers."""
        return self.words.living(self.now) if self.words is not None else []

    def rowless_dicts(self) -> list[dict[str, Any]]:
        """For JSON, in the form of the others."""
        return [
            {
                "key": each.name,
                "kind": "endpoint",
                "platform": "aws",
                "phase": "rowless",
                "price": each.price,
                "names": dict.fromkeys(each.parts, each.name),
                "tags": dict(each.tags),
                "why": str(each),
            }
            for each in self.strays
        ]

    def lines(self, costs: list[Cost]) -> list[str]:
        """For people, below the table."""
        if self.words is None:
            return []
        told = []
        if costs:
            rate, spent = total(costs)
            told.append(
                f"{len(costs)} in all: at most {rate:.2f} $/h, {part_of(rate, self.cap)}; "
                f"at most {spent:.2f} $ since they were recorded"
            )
        told += [f"no row knows {stray}" for stray in self.strays]
        if self.strays:
            told.append(f"  {KEEP_OR_DELETE}")
        return [*told, self.reapers()]

    def reapers(self) -> str:
        """Who reaps, in words."""
        assert self.words is not None
        if self.words.off_by:
            return (
                f"the reapers are off ({self.words.off_by}): none deletes anything, and nothing "
                "that costs money is created; `llmanager reap --on` turns them on"
            )
        living = [f"{x.source} (good until {clock(x.expires)})" for x in self.living]
        if living:
            return f"what nobody uses is deleted by {', '.join(living)}"
        return (
            "no reaper lives, so that nothing is deleted, and nothing that costs money is created: "
            "`llmanager deploy`, or `llmanager reap --watch`"
        )


def clock(at: float) -> str:
    """A time of today as people read it."""
    return time.strftime("%H:%M:%S", time.localtime(at))
