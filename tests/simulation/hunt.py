"""Seeds against the core and against its mutants: what the commands, the tests and the acceptance
checks share."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable
from random import SystemRandom
from typing import NamedTuple

from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.explore import Found, explore
from llmanager_sdk.testing.invariants import Violation
from llmanager_sdk.testing.simulation import simulate
from tests.simulation.long_run import RESULTS, Tally, digest
from tests.simulation.mutants import Mutant

SEEDS = 20_000
"""How many schedules `make simulate` plays."""
WITHIN = 6_000
"""Within how many seeds each mutant must be found."""


class Catch(NamedTuple):
    """How a mutant was found: by which seed, and what it broke."""

    mutant: Mutant
    seed: int
    violation: Violation


def play(seeds: Iterable[int], code: Code | None = None) -> Tally:
    """Play the schedules of these seeds."""
    code, tally = code or Code(), Tally()
    for seed in seeds:
        tally.add(simulate(seed, code))
    return tally


def hunt(mutant: Mutant, within: int = WITHIN) -> Catch | None:
    """The first seed that finds a mutant."""
    code = mutant.code()
    for seed in range(within):
        outcome = simulate(seed, code)
        if outcome.violation is not None:
            return Catch(mutant, seed, outcome.violation)
    return None


def explored(mutant: Mutant) -> Found:
    """What the explorer says of a mutant with one fault at a time."""
    return explore(mutant.code(), 1)


class Comparison(NamedTuple):
    """A result file against the code as it is.

    Attributes:
        same_code: whether the digest of the code is the one of the result.
        seeds: how many seeds the result holds.
        violations: how many of them broke an invariant.
        replayed: how many were played again.
        different: those whose trace is not the one of the result.
    """

    same_code: bool
    seeds: int
    violations: int
    replayed: int
    different: list[int]


def compare(name: str, sample: int) -> Comparison:
    """Replay seeds of a result, drawn anew each time, and compare their traces."""
    body = json.loads((RESULTS / f"{name}.json").read_text())
    hashes = array("H")
    hashes.frombytes((RESULTS / f"{name}.hashes").read_bytes())
    seeds = SystemRandom().sample(range(len(hashes)), min(sample, len(hashes)))
    code = Code()
    different = [s for s in seeds if simulate(s, code).trace & 0xFFFF != hashes[s]]
    broken = len(body["violations"])
    return Comparison(body["digest"] == digest(), len(hashes), broken, len(seeds), different)
