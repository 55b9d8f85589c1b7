"""What a check found, what would mend it, and how both are carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from llmanager_sdk.errors import LLManagerError, PermissionMissing


class Fix(NamedTuple):
    """One thing that a person may agree to.

    Attributes:
        title: what would be done, to what.
        do: does it, and says what came of it. May be repeated.
    """

    title: str
    do: Callable[[], str]


class Finding(NamedTuple):
    """What a check found.

    Attributes:
        ok: None where it could not be looked at.
        fixes: what would mend it; each is asked for by itself.
    """

    ok: bool | None
    text: str
    fixes: tuple[Fix, ...] = ()


Check = Callable[[], Finding]


class Result(NamedTuple):
    """A finding and the name of its check."""

    name: str
    finding: Finding

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "check": self.name,
            "ok": self.finding.ok,
            "finding": self.finding.text,
            "fixes": [fix.title for fix in self.finding.fixes],
        }


def examine(checks: Mapping[str, Check]) -> Iterator[Result]:
    """Run every check; one that cannot be made does not hide the others."""
    for name, check in checks.items():
        try:
            yield Result(name, check())
        except PermissionMissing as error:
            yield Result(name, Finding(None, f"not looked at: {error.message}"))
        except LLManagerError as error:
            yield Result(name, Finding(False, str(error).replace("\n", " ")))
        except OSError as error:
            yield Result(name, Finding(False, str(error)))


def mend(
    results: Iterable[Result], agree: Callable[[str], bool], say: Callable[[str], None]
) -> bool:
    """Ask for each fix, and carry out what is agreed to.

    Returns:
        Whether every fix was agreed to, and went well.
    """
    well = True
    for result in results:
        for fix in result.finding.fixes:
            if not agree(fix.title):
                well = False
                say(f"left as it is: {fix.title}")
                continue
            try:
                say(f"done: {fix.title}: {fix.do()}")
            except LLManagerError as error:
                well = False
                say(f"FAILED: {fix.title}: {error}")
    return well
