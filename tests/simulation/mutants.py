"""The planted faults that the simulation must find, each with what it takes away."""

from __future__ import annotations

from typing import NamedTuple

from llmanager_sdk.testing.code import Code
from tests.simulation.rewrite import Change, rewritten


class Mutant(NamedTuple):
    """A named fault.

    Attributes:
        means: what it takes away, for people.
    """

    name: str
    means: str
    changes: tuple[Change, ...]

    def code(self) -> Code:
        """The core with this fault."""
        return rewritten(self.changes)


def _mutant(name: str, means: str, *changes: tuple[str, str, str]) -> Mutant:
    return Mutant(name, means, tuple(Change(*change) for change in changes))


def _put(new: str) -> str:
    """A write that overwrites whatever is stored."""
    return f'yield Effect("swap", lambda: self.registry.swap(self.registry.read(slot.key), {new}))'


MUTANTS: tuple[Mutant, ...] = (
    _mutant(
        "reaper-without-cas",
        "the reaper overwrites the slot",
        ("sweep.Cleaner.settle", "yield from self.swap(slot, new)", _put("new")),
    ),
    _mutant(
        "toucher-without-cas",
        "a renewal overwrites the slot",
        (
            "engine.Engine.touch",
            "if (yield from self.swap(slot, slot.with_life(fresh))):\n"
            "    return Known(fresh, claims.recorded(fresh, want), asked)",
            f"{_put('slot.with_life(fresh)')}\n"
            "return Known(fresh, claims.recorded(fresh, want), asked)",
        ),
    ),
    _mutant(
        "taker-without-cas",
        "a take-over overwrites the slot",
        (
            "engine.Engine._take",
            "yield from self.swap(slot, slot.with_life(taken))",
            _put("slot.with_life(taken)"),
        ),
    ),
    _mutant(
        "ready-without-cas",
        "the creator's last write overwrites the slot",
        (
            "engine.Engine._build",
            "yield from self.swap(slot, claims.became_ready(slot, fresh, now))",
            _put("claims.became_ready(slot, fresh, now)"),
        ),
    ),
    _mutant(
        "fixed-name",
        "every life of a key has the same physical names",
        (
            "engine.Engine._take",
            "kind.name(want.spec, slot.next_gen, self._token())",
            'kind.name(want.spec, 0, "")',
        ),
    ),
    _mutant(
        "deadline-after-the-call",
        "the demand is recorded only once the call has begun",
        (
            "claims.due",
            "recorded(life, want) <= now + max(term(want, timing) * 2 / 3, timing.max_call)",
            "False",
        ),
        ("claims.outlives", "now + timing.max_call < known.until", "True"),
    ),
    _mutant(
        "lowered-deadline",
        "a renewal with a shorter idle time lowers the deadline",
        ("claims.renewed", "max(life.used_until, until)", "until"),
    ),
    _mutant(
        "no-margin",
        "the reaper does not allow for clocks that differ",
        (
            "life._ready",
            "now <= life.held_until() + timing.margin",
            "now <= life.held_until()",
        ),
    ),
    _mutant(
        "demand-ignored",
        "a creation whose worker is gone is deleted although somebody waits for it",
        (
            "life._creating",
            "not life.stop and now <= life.held_until() + timing.margin",
            "False",
        ),
    ),
    _mutant(
        "new-life-too-early",
        "a new life is recorded before the last one is gone",
        (
            "claims.pursue",
            "Help(alive[-1]) if alive else _begin(slot, want, now)",
            "_begin(slot, want, now)",
        ),
    ),
    _mutant(
        "gone-not-collected",
        "what a late request brought up again stays",
        ("life._gone", "seen in (Seen.READY, Seen.BROKEN)", "False"),
    ),
    _mutant(
        "tombstones-pruned",
        "a dead life is forgotten at once",
        ("life._gone", "now > life.gone_at + timing.tombstone", "True"),
        ("sweep._is_due", "there or not dead or old", "True"),
    ),
    _mutant(
        "deletes-not-resumed",
        "a deletion whose worker is gone stays half-done",
        (
            "life._deleting",
            "_bury(slot, life, now, me, timing, 'its deleter stopped half-way')",
            'Rest("somebody was deleting it")',
        ),
    ),
    _mutant(
        "failed-kept",
        "what failed is not deleted",
        ("life.decide", "_failed(slot, life, now, me, timing)", 'Rest("it failed")'),
    ),
    _mutant(
        "delete-before-the-row",
        "the platform is asked to delete before the registry says so",
        (
            "sweep.Cleaner.settle",
            "yield from self.swap(slot, new)",
            'if life.phase == "ready":\n'
            '    yield Effect("delete", lambda: kind.delete(life))\n'
            "yield from self.swap(slot, new)",
        ),
    ),
    _mutant(
        "call-without-check",
        "a call starts on whatever is known",
        ("claims.may_start", "fresh and outlives(known, now, timing)", "True"),
    ),
    _mutant(
        "silent-user",
        "a user whose demand is covered by others is not recorded as one",
        ("claims.due", "life.writers not in (me, '*')", "False"),
    ),
    _mutant(
        "registry-error-is-failure",
        "a registry that does not answer makes a start fail",
        (
            "engine.Engine._build",
            "raise",
            'yield from self._fail(life, "the registry did not answer", want)',
        ),
    ),
    _mutant(
        "half-made-is-failed",
        "a creation that stopped between two parts counts as failed",
        (
            "engine.Engine._build",
            "seen is Seen.BROKEN and (why := (yield Effect('why', lambda: kind.why(life))))",
            "seen is Seen.BROKEN and (why := 'it is half-made')",
        ),
    ),
    _mutant(
        "call-on-old-knowledge",
        "a call starts on knowledge of any age",
        (
            "claims.may_start",
            "fresh and outlives(known, now, timing)",
            "outlives(known, now, timing)",
        ),
    ),
    _mutant(
        "stop-at-once",
        "a stop does not wait for calls that began before anybody could know of it",
        (
            "life._ready",
            "until = now + timing.drain + timing.max_call",
            "until = now - timing.margin",
        ),
    ),
    _mutant(
        "one-look-is-enough",
        "a refused call is enough to declare a life failed",
        (
            "engine.Engine.vanished",
            "seen not in (Seen.ABSENT, Seen.BROKEN, Seen.GOING)",
            "False",
        ),
    ),
    _mutant(
        "no-backoff",
        "a digest that failed is tried again at once",
        ("claims._begin", "now >= failure.not_before", "True"),
    ),
    _mutant(
        "claim-ignored",
        "the reaper does not mind a living creator",
        (
            "life._creating",
            "now <= life.worker_until + timing.margin",
            "False",
        ),
        (
            "life._creating",
            "not life.stop and now <= life.held_until() + timing.margin",
            "False",
        ),
    ),
    _mutant(
        "hold-ends-all-demand",
        "leaving a `with` block ends the demand of others",
        (
            "claims.dropped",
            "replace(life, holds={h: t for h, t in life.holds.items() if h != hold})",
            "replace(life, holds={}, used_until=0.0)",
        ),
    ),
    _mutant(
        "third-life",
        "a replacement begins while another one is still going",
        (
            "claims._beside",
            "_begin(slot, want, now) if spent is None else Help(spent)",
            "_begin(slot, want, now)",
        ),
    ),
    _mutant(
        "stop-not-heard",
        "calls go on after a process has read that a person stopped it",
        (
            "engine.Engine.touch",
            "life is None or life.phase != 'ready' or life.stop",
            "life is None or life.phase != 'ready'",
        ),
        (
            "claims.outlives",
            "not known.life.stop and now + timing.max_call < known.until",
            "now + timing.max_call < known.until",
        ),
    ),
)
