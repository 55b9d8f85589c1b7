"""What is really spent after everything but the reaper crashed, against the ceiling printed then.

The first half of a run is a schedule of the simulation: clients, people and reapers of the real
core, with prices, under a hostile scheduler. At a random moment all but the reapers end. The
ceiling is computed of what is recorded and listed at that moment; the meter is the cloud's own
record of which endpoints exist. The second half goes on until nothing is left: requests that were
on their way arrive, creations end, and `Adversary` makes the visits of the living reaper fail at
the moments where it hurts most, as often as the ceiling allows for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple

from llmanager_sdk.ceiling import Assumed, Ceiling, ceiling
from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.cast import SKEW, Cast
from llmanager_sdk.testing.cloud import Nature
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.faults import Seeded, calm
from llmanager_sdk.testing.simulation import AWS
from llmanager_sdk.testing.stage import KIND, NAMESPACE, Stage, hushed
from tests.simulation.afterwards import Adversary, Crashing, Meter

SWEEP = 300.0
CAP = 50.0


class Mutant(NamedTuple):
    """A ceiling that forgets something; some schedule must spend more than it says."""

    name: str
    forgets: str
    assumed: Callable[[Assumed], Assumed] = lambda its: its
    dead: bool = True


def _without(**what: Any) -> Callable[[Assumed], Assumed]:
    return lambda its: replace(its, **what)


def _timing(**what: float) -> Callable[[Assumed], Assumed]:
    return lambda its: replace(its, timing=replace(its.timing, **what))


MUTANTS = (
    Mutant("no-creating", "the time of a creation", _without(creating=lambda life: 0.0)),
    Mutant("no-margin", "what the reaper waits for, and clocks that differ", _timing(margin=0.0)),
    Mutant("no-claims", "claims that have to run out", _timing(worker=0.0)),
    Mutant("no-failures", "visits that fail", _without(visits=1)),
    Mutant("no-sweeps", "the time between two visits", _without(sweep=0.0)),
    Mutant("no-deleting", "the time that a deletion takes", _without(deleting=0.0)),
    Mutant("no-dead", "lives that are gone, and come up again", dead=False),
)


@dataclass(frozen=True)
class Run:
    """What a schedule showed.

    Attributes:
        spent: after the crash, $.
        most: what the ceiling said, $.
        mutants: what each broken ceiling said.
        tightest: of the lives' times, the largest part of what the ceiling allows.
        over: what was wrong: spent too much, too long, or for something that was not counted.
        states: the phases of what was counted.
    """

    seed: int
    spent: float
    most: float
    mutants: dict[str, float]
    tightest: float
    over: list[str]
    states: list[str]


@dataclass
class Findings:
    """What many schedules showed.

    Attributes:
        schedules: how many there were; in `paid` of them something was spent after the crash.
        over: (seed, what) for each that spent more than its ceiling. The bound is 0.
        tightest: the largest part of its ceiling that one spent, and its seed.
        found: the first seed that spent more than a broken ceiling says.
        states: the phases of the lives that were counted.
    """

    schedules: int = 0
    paid: int = 0
    over: list[tuple[int, str]] = field(default_factory=list)
    tightest: tuple[float, int] = (0.0, -1)
    found: dict[str, int] = field(default_factory=dict)
    states: Counter[str] = field(default_factory=Counter)


def survey(seeds: Iterable[int]) -> Findings:
    """Play the schedules of these seeds."""
    code, all_of_them = Code(), Findings()
    for seed in seeds:
        run = crash(seed, code)
        all_of_them.schedules += 1
        all_of_them.paid += run.spent > 0
        all_of_them.over.extend((seed, what) for what in run.over)
        all_of_them.states.update(run.states)
        if run.most:
            all_of_them.tightest = max(all_of_them.tightest, (run.spent / run.most, seed))
        for name, most in run.mutants.items():
            if run.spent > most:
                all_of_them.found.setdefault(name, seed)
    return all_of_them


def crash(seed: int, code: Code | None = None) -> Run:
    """Play the schedule of a seed until nothing is left."""
    code = copy(code or Code())  # its wants will bear prices
    random = Random(seed)
    timing = code.Timing(**AWS)
    nature = _nature(random)
    choose = Seeded(Random(seed ^ 0xC0575))
    stage = Stage(code, timing, nature=nature, random=random, choose=choose)
    meter = stage.kind = Meter(code, stage.world, timing, nature, random, stage.watch)
    stage.watch.kind = meter
    scheduler = stage.scheduler = Crashing(stage.world, code, choose, stage.deadlines, stage.label)
    _people(stage, random)
    with hushed():
        scheduler.run(stage.world.now + 20_000.0, random.randint(20, 600))
        _all_crash(stage, random)
        printed, mutants = _printed(stage, random)
        began = stage.world.now
        names = {(s.key, x.gen): x.names["endpoint"] for s in _slots(stage) for x in s.lives}
        _go_on(stage, random, began + max(printed.seconds, scheduler.flight) + 1.0)
    allowed = {names[line.key, line.gen]: line.seconds for line in printed.lines}
    spent = meter.spent(began)
    over = [f"{name} is still there" for name in meter.running]
    over += [f"{name} was not counted" for name in spent if name not in allowed]
    longest = max((x / allowed[n] for n, (x, _) in spent.items() if n in allowed), default=0.0)
    total = sum(amount for _, amount in spent.values())
    if total > printed.total or longest > 1:
        over.append(f"{total:.2f} $ of {printed.total:.2f}; {longest:.3f} of the time of one life")
    states = [line.phase for line in printed.lines]
    return Run(seed, total, printed.total, mutants, longest, over, states)


def _slots(stage: Stage) -> list[Any]:
    return list(stage.registry.slots.values())


def _nature(random: Random) -> Nature:
    """Creations of minutes or of most of an hour; few lies, so that much happens."""
    nature = Nature(start=random.choice(((20.0, 300.0), (200.0, 3000.0))))
    nature.going = random.choice((90.0, 900.0))
    for name, chance, much in (
        ("fails", 0.3, 0.3),
        ("refuses", 0.15, 0.3),
        ("unknown", 0.2, 0.1),
        ("blind", 0.2, 0.3),
        ("stale", 0.2, 0.05),
    ):
        if random.random() < chance:
            setattr(nature, name, much)
    return nature


def _people(stage: Stage, random: Random) -> None:
    """A cast around one key, and clients of up to two others, all with prices."""
    plain = stage.code.Want
    prices = {f"d{number}": random.choice((0.2, 1.4, 7.1)) for number in range(5)}

    def want(spec: Any, idle: float, **more: Any) -> Any:
        return plain(spec, idle, price=prices[spec.digest], **more)

    stage.code.Want = want
    cast = Cast(stage, random, None)
    again = stage.scheduler.crashed

    def crashed(process: Any, size: float) -> None:
        if process in cast._roles:
            again(process, size)

    stage.scheduler.crashed = crashed
    for number in range(random.choice((0, 0, 1, 2))):
        spec = stage.code.Spec(KIND, f"m{number}", {}, f"d{number + 3}")
        wish = want(spec, random.choice((60.0, 300.0, 1500.0)))
        actor = Actor(stage, "client", cast.skew())
        play = [(random.random() * 900.0, False, _caller(wish, random)) for _ in range(4)]
        stage.scheduler.start("calls", actor, actor.script(play))


def _caller(wish: Any, random: Random) -> Callable[[Actor], Iterator[Any]]:
    return lambda actor: actor.call(wish, random.random() * 100.0)


def _all_crash(stage: Stage, random: Random) -> None:
    """All but the reapers end. Writes that were on their way have landed, or never will."""
    stage.scheduler.choose = calm
    stage.scheduler.crashed = lambda process, size: None
    stays = random.random() < 0.5
    stage.scheduler.end(x for x in stage.members if not (stays and x.name.startswith("reaper")))
    assert isinstance(stage.scheduler, Crashing)
    for write in stage.scheduler.writes:
        if random.random() < 0.5:
            write()


class _Beat(NamedTuple):
    source: str
    expires: float


def _printed(stage: Stage, random: Random) -> tuple[Ceiling, dict[str, float]]:
    """What `llmanager ceiling` prints at this moment, by a clock that is as wrong as any."""
    now = stage.world.now + random.choice((SKEW, -SKEW, random.uniform(-SKEW, SKEW)))
    nature, slots = stage.nature, _slots(stage)
    existing = {pair for names in stage.kind.list(NAMESPACE) for pair in names.items()}
    seen = {(s.key, x.gen): stage.kind.observe(x) for s in slots for x in s.lives}
    nature.unknown = nature.stale = nature.blind = nature.flaky = 0.0
    longest = nature.start[1]
    its = Assumed(stage.timing, lambda life: longest, nature.going, sweep=SWEEP)

    def told(its: Assumed, *, dead: bool = True) -> Ceiling:
        rows = slots
        if not dead:
            rows = [replace(s, lives=tuple(x for x in s.lives if x.phase != "gone")) for s in slots]
        beats = [_Beat("reaper", now + 900.0)]
        return ceiling(rows, beats, {KIND: its}, now, CAP, seen=seen, existing=existing)

    broken = {each.name: told(each.assumed(its), dead=each.dead).total for each in MUTANTS}
    return told(its), broken


def _go_on(stage: Stage, random: Random, until: float) -> None:
    """The living reaper visits everything once a sweep, at moments that suit nobody."""
    adversary = Adversary(stage, random)
    skew = random.choice((SKEW, -SKEW, random.uniform(-SKEW, SKEW)))
    now = stage.world.now
    edges = [at - skew - 0.02 for at in stage.deadlines() if at - skew > now]
    first = (random.choice(edges) - now) % SWEEP if edges else random.uniform(0.0, SWEEP)
    anew = random.random() < 0.7  # as a function that is called for each sweep
    old = Actor(stage, "survivor", skew)

    def play(actor: Actor) -> Iterator[Any]:
        adversary.new_sweep()
        yield from stage.code.sweep(actor.engine, NAMESPACE)

    number = 0
    while (at := now + first + number * SWEEP) < until:
        stage.scheduler.run(at)
        number += 1
        actor = old
        if anew:
            wrong = skew if number == 1 else random.choice((SKEW, -SKEW))
            actor = Actor(stage, "survivor", wrong)
        stage.scheduler.start("sweep", actor, play(actor))
        stage.scheduler.run(stage.world.now)
    stage.scheduler.run(until)
    list(stage.kind.list(NAMESPACE))
