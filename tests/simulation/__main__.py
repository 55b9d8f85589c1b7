"""`python -m tests.simulation`: play, replay, shrink, explore, hunt mutants, keep long runs."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.explore import explore
from llmanager_sdk.testing.shrink import shrink
from llmanager_sdk.testing.simulation import simulate
from llmanager_sdk.testing.timeline import lines
from tests.simulation.ceiling import MUTANTS as MUTANT_CEILINGS
from tests.simulation.ceiling import survey
from tests.simulation.hunt import SEEDS, WITHIN, compare, explored, hunt, play
from tests.simulation.long_run import Tally, long_run
from tests.simulation.mutants import MUTANTS, Mutant


def run(args: argparse.Namespace) -> int:
    """Play many seeds; say what they covered."""
    began = time.perf_counter()
    tally = play(range(args.first, args.first + args.seeds))
    table(tally)
    spent = time.perf_counter() - began
    print(f"\n{args.seeds} schedules in {spent:.0f} s, {len(tally.violations)} violations")
    for seed, text in tally.violations:
        print(f"  seed {seed}: {text}\n    python -m tests.simulation shrink {seed}")
    return 1 if tally.violations else 0


def table(tally: Tally) -> None:
    """What happened, and how often."""
    for name, title in (
        ("moves", "phases that lives went through"),
        ("crashes", "what a process was doing when it crashed, and on which side of its effect"),
        ("faults", "faults that struck"),
        ("errors", "typed errors that callers got"),
        ("sums", "altogether"),
    ):
        print(f"\n{title}")
        for what, times in sorted(tally.counts[name].items()):
            print(f"  {what:<44} {times:>9}")


def replay(args: argparse.Namespace) -> int:
    """Play one seed and print what happened."""
    outcome = simulate(args.seed, _code(args.mutant), timeline=True)
    print(*lines(outcome.timeline), sep="\n")
    print(f"\ntrace {outcome.trace:08x}; {outcome.violation or 'no violation'}")
    return 1 if outcome.violation else 0


def make_small(args: argparse.Namespace) -> int:
    """Print the few faults and actors that a failing seed takes."""
    found = shrink(args.seed, _code(args.mutant))
    if found is None:
        print("that seed breaks nothing")
        return 0
    print(*lines(found.outcome.timeline), sep="\n")
    print(f"\nactors {sorted(found.cast)}, faults at points {sorted(found.only)}")
    for point, fault in found.outcome.script.items():
        print(f"  point {point}: {fault.kind}, size {fault.size:.2f}")
    print(f"{found.outcome.violation} (found in {found.tried} runs)")
    return 1


def explore_all(args: argparse.Namespace) -> int:
    """All faults, alone and combined, in a handful of small cases."""
    found = explore(_code(args.mutant), args.depth)
    print(f"{found.runs} runs, {found.violation or 'no violation'}")
    if found.script is not None:
        print(f"case {found.case!r}, faults {found.script}")
    return 1 if found.violation else 0


def mutants(args: argparse.Namespace) -> int:
    """Hunt each mutant; those that nobody finds are a failure."""
    missed = 0
    for mutant in _chosen(args.names):
        catch, found = hunt(mutant, args.seeds), explored(mutant)
        missed += catch is None
        seed = "missed" if catch is None else f"seed {catch.seed}"
        broken = "" if catch is None else catch.violation.name
        run = f"explorer {found.case}, run {found.runs}" if found.violation else "explorer -"
        print(f"{mutant.name:<26} {seed:<10} {broken:<14} {run:<26} {mutant.means}", flush=True)
    print(f"{missed} missed within {args.seeds} seeds")
    return 1 if missed else 0


def keep(args: argparse.Namespace) -> int:
    """Play many seeds and keep the result; goes on where a former run stopped."""
    return 1 if long_run(args.name, args.seeds).violations else 0


def check(args: argparse.Namespace) -> int:
    """Replay some seeds of a result file."""
    result = compare(args.name, args.sample)
    print(result)
    return 0 if result.same_code and not result.different and not result.violations else 1


def ceilings(args: argparse.Namespace) -> int:
    """Crash all but the reaper, and compare what is spent with the ceiling."""
    found = survey(range(args.first, args.first + args.seeds))
    share, seed = found.tightest
    print(f"{found.schedules} schedules, {found.paid} of which spent, {len(found.over)} too much")
    print(f"the tightest spent {share:.3f} of its ceiling (seed {seed})")
    print("lives counted: " + ", ".join(f"{n} {phase}" for phase, n in found.states.items()))
    for mutant in MUTANT_CEILINGS:
        where = found.found.get(mutant.name)
        caught = "missed" if where is None else f"seed {where}"
        print(f"{mutant.name:<14} {caught:<10} forgets {mutant.forgets}")
    for seed, what in found.over:
        print(f"  seed {seed}: {what}")
    return 1 if found.over else 0


def _chosen(names: Sequence[str]) -> list[Mutant]:
    known = {mutant.name: mutant for mutant in MUTANTS}
    if unknown := set(names) - set(known):
        sys.exit(f"no mutant is called {', '.join(unknown)}; there are: {', '.join(known)}")
    return [known[name] for name in names or known]


def _code(mutant: str) -> Code:
    return _chosen([mutant])[0].code() if mutant else Code()


def main() -> int:
    """Parse and do."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(name: str, does: object) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=does.__doc__)
        sub.set_defaults(does=does)
        return sub

    for name, does, seeds in (("run", run, SEEDS), ("ceiling", ceilings, 3000)):
        sub = command(name, does)
        sub.add_argument("--seeds", type=int, default=seeds)
        sub.add_argument("--first", type=int, default=0)
    for name, does in (("replay", replay), ("shrink", make_small)):
        sub = command(name, does)
        sub.add_argument("seed", type=int)
        sub.add_argument("--mutant", default="")
    sub = command("explore", explore_all)
    sub.add_argument("--depth", type=int, default=1)
    sub.add_argument("--mutant", default="")
    sub = command("mutants", mutants)
    sub.add_argument("names", nargs="*")
    sub.add_argument("--seeds", type=int, default=WITHIN)
    sub = command("long", keep)
    sub.add_argument("name")
    sub.add_argument("seeds", type=int)
    sub = command("compare", check)
    sub.add_argument("name")
    sub.add_argument("--sample", type=int, default=2000)
    args = parser.parse_args()
    return int(args.does(args))


if __name__ == "__main__":
    sys.exit(main())
