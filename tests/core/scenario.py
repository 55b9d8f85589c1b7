"""A named bad case of the real world, with the change that takes its mechanism away."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import NamedTuple

import pytest

from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.invariants import Violation
from llmanager_sdk.testing.stage import hushed
from tests.simulation.rewrite import Change, rewritten

Play = Callable[[Code], None]


class Scenario(NamedTuple):
    """One case.

    Attributes:
        mechanism: what keeps it from going wrong.
        without: the change that takes it away.
        play: goes through it, and raises where it goes wrong.
    """

    name: str
    mechanism: str
    without: tuple[Change, ...]
    play: Play

    def holds(self) -> bool:
        """Whether it goes well."""
        with hushed():
            self.play(Code())
        return True

    def fails_without(self) -> str:
        """How it goes wrong without its mechanism; empty if it does not."""
        code = rewritten(self.without)
        try:
            with hushed():
                self.play(code)
        except (Exception, Violation, pytest.fail.Exception) as wrong:
            place = traceback.extract_tb(wrong.__traceback__)[1]
            text = str(wrong).partition("\n")[0] or place.line
            return f"{type(wrong).__name__}: {text}"
        return ""


SCENARIOS: list[Scenario] = []


def scenario(name: str, mechanism: str, *without: tuple[str, str, str]) -> Callable[[Play], Play]:
    """Register a case."""

    def register(play: Play) -> Play:
        changes = tuple(Change(*change) for change in without)
        SCENARIOS.append(Scenario(name, mechanism, changes, play))
        return play

    return register


def overwrite(new: str) -> str:
    """A write without compare-and-set, as the source of a change."""
    return f'yield Effect("swap", lambda: self.registry.swap(self.registry.read(slot.key), {new}))'
