"""From a list of probes to outcomes: what it may cost, one after the other, and cleaning up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from llmanager_sdk.aws.answers import said
from llmanager_sdk.aws.bounds import assumed
from llmanager_sdk.aws.guard import need_reaper
from llmanager_sdk.ceiling import ceiling
from llmanager_sdk.doctor.live import control, lifecycle, refusals, runtime, tables
from llmanager_sdk.doctor.live.bench import Bench
from llmanager_sdk.doctor.live.probe import NotTried, Outcome, OverLimit, Probe, Verdict, outcome
from llmanager_sdk.errors import LLManagerError

PROBES: tuple[Probe, ...] = (
    *control.PROBES,
    *runtime.FREE,
    *tables.PROBES,
    *lifecycle.BEFORE,
    *refusals.PROBES,
    *lifecycle.RISE,
    *runtime.PAID,
    *lifecycle.FALL,
)
"""In the order in which they are tried."""


@dataclass(frozen=True)
class Step:
    """One probe of a plan.

    Attributes:
        most: what it costs at most, $.
        why_not: why it is left out; empty if it is not.
    """

    probe: Probe
    most: float
    why_not: str = ""


@dataclass(frozen=True)
class Plan:
    """What is going to be tried, and what that costs at most.

    Attributes:
        price: of the endpoint that most probes are about, $/h.
        killed: what may be spent if this process is killed meanwhile, and the reaper cleans up, $.
    """

    steps: tuple[Step, ...]
    price: float
    killed: float
    reapers: tuple[str, ...]

    @property
    def most(self) -> float:
        """Of all that is tried, $."""
        return sum(step.most for step in self.steps if not step.why_not)


def plan(bench: Bench, names: Sequence[str] = (), probes: Iterable[Probe] = PROBES) -> Plan:
    """Choose probes, and leave out what the limit does not cover.

    Args:
        names: only these, and what they need; all by default.

    Raises:
        NotAllowed: no reaper lives, who would clean up if this process cannot.
    """
    now = bench.clock.time()
    living = need_reaper(bench.platform.beats.words(), now, "doctor --live")
    want = bench.want("endpoint")
    price = want.price
    wanted = _wanted(tuple(probes), set(names))
    steps: list[Step] = []
    left, out = bench.limit, set()
    for probe in wanted:
        most = price * probe.longest / 3600 if probe.paid else 0.0
        lacks = next((name for name in probe.needs if name in out), "")
        why_not = f"it needs {lacks!r}, which is left out" if lacks else ""
        if most > left:
            why_not = f"at most {most:.2f} $, more than what is left of the limit"
        if why_not:
            out.add(probe.name)
        else:
            left -= most
        steps.append(Step(probe, most, why_not))
    _, new = bench.born(want)
    killed = ceiling([new], living, assumed(living, now), now, 0.0).total
    return Plan(tuple(steps), price, killed, tuple(beat.source for beat in living))


def _wanted(probes: tuple[Probe, ...], names: set[str]) -> list[Probe]:
    """The named ones and all that they need, in their order."""
    if not names:
        return list(probes)
    by_name = {probe.name: probe for probe in probes}
    if unknown := names - set(by_name):
        raise LLManagerError(
            f"no probe is called {', '.join(sorted(unknown))}",
            step="doctor --live",
            hint=f"there are: {', '.join(by_name)}",
        )
    chosen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in chosen:
            chosen.add(name)
            todo.extend(by_name[name].needs)
    return [probe for probe in probes if probe.name in chosen]


@dataclass
class Done:
    """What a run showed.

    Attributes:
        spent: at worst prices, $.
        left: what could not be cleaned up.
        stopped: why it ended early; empty if it did not.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    spent: float = 0.0
    seconds: float = 0.0
    left: list[str] = field(default_factory=list)
    stopped: str = ""

    @property
    def well(self) -> bool:
        """Nothing differs, and nothing is left."""
        differs = any(each.verdict == "differs" for each in self.outcomes)
        return not (differs or self.left or self.stopped)


def carry_out(bench: Bench, steps: Iterable[Step]) -> Done:
    """Try one after the other, then clean up, whatever happened."""
    done, tried = Done(), list(steps)
    try:
        for each in _tried(bench, tried):
            done.outcomes.append(each)
            bench.say(f"{each.verdict:<9} {each.name}: {each.seen}")
    except OverLimit as error:
        done.stopped = error.message
    except KeyboardInterrupt:
        done.stopped = "it was interrupted"
    finally:
        done.left = _cleaned(bench, done)
        told = {each.name for each in done.outcomes}
        rest = [step.probe for step in tried if step.probe.name not in told]
        why = done.stopped or "it did not come to that"
        done.outcomes += [outcome(probe, "not tried", why) for probe in rest]
        done.spent, done.seconds = bench.spent(), bench.clock.time() - bench.began
    return done


def _cleaned(bench: Bench, done: Done) -> list[str]:
    bench.say("cleaning up" + (f" ({done.stopped})" if done.stopped else ""))
    try:
        return bench.clean_up()
    except KeyboardInterrupt:
        return bench.left()


def _tried(bench: Bench, steps: Iterable[Step]) -> Iterator[Outcome]:
    made: set[str] = set()
    for step in steps:
        probe = step.probe
        lacks = [name for name in probe.needs if name not in made]
        if step.why_not or lacks:
            why = step.why_not or f"it needs {', '.join(lacks)}"
            yield outcome(probe, "not tried", why)
            continue
        bench.check()
        began, before = bench.clock.time(), bench.spent()
        verdict, text = _one(bench, probe)
        text = text.replace(bench.platform.account.identity().account, "ACCOUNT")
        if verdict == "holds":
            made.add(probe.name)
        took, cost = bench.clock.time() - began, bench.spent() - before
        yield outcome(probe, verdict, text, took, cost)


def _one(bench: Bench, probe: Probe) -> tuple[Verdict, str]:
    """Verdict and words."""
    try:
        holds, text = probe.look(bench)
        return ("holds" if holds else "differs"), text
    except NotTried as why:
        return "not tried", str(why)
    except OverLimit:
        raise
    except LLManagerError as error:
        return "differs", error.message
    except Exception as error:
        if said(error).code.startswith("AccessDenied"):
            return "not tried", f"not allowed: {said(error).message}"
        return "differs", f"{said(error).code}: {said(error).message}"
