"""What a client may do to a slot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llmanager_sdk.core import claims
from llmanager_sdk.core.claims import Known, Want
from llmanager_sdk.core.life import SCHEMA, Failure, Life, Slot, Spec, Timing
from llmanager_sdk.errors import NewerSchema, SpecChanged, StartFailed

NOW = 10_000.0
TIMING = Timing(1000.0, 100.0, 20.0, 300.0, False)
ONE, TWO = Spec("k", "key", {"v": 1}, "one"), Spec("k", "key", {"v": 2}, "two")
WANT = Want(ONE, 900.0)


def life(phase: str, gen: int = 1, spec: Spec = ONE, **more: object) -> Life:
    return Life(gen, spec, {}, phase, **more)  # type: ignore[arg-type]


def step(*lives: Life, want: Want = WANT, **more: object) -> claims.Step:
    slot = Slot("key", 3, next_gen=9, lives=lives, **more)  # type: ignore[arg-type]
    return claims.pursue(slot, want, NOW, "me", TIMING)


def test_nothing_there_is_a_birth() -> None:
    assert step() == claims.Birth()
    assert step(life("gone")) == claims.Birth()


def test_what_is_ready_is_used_and_the_newest_one_first() -> None:
    old, new = life("ready"), life("ready", 2)
    assert step(old, new) == claims.Use(new)


def test_a_ready_one_is_used_while_a_newer_one_is_created() -> None:
    old, new = life("ready"), life("creating", 2, TWO, worker="x", worker_until=NOW + 9)
    assert step(old, new) == claims.Use(old)


def test_what_is_created_is_built_awaited_or_taken_over() -> None:
    assert step(life("creating", worker="me")) == claims.Build(life("creating", worker="me"))
    theirs = life("creating", worker="other", worker_until=NOW, born_at=NOW - 9)
    assert step(theirs) == claims.Await(theirs)
    late = replace(theirs, worker_until=NOW - 0.5)
    assert step(late) == claims.TakeOver(late)


def test_a_creation_that_was_forgotten_makes_room_for_a_new_one() -> None:
    since = NOW - TIMING.creation
    old = life("creating", worker="other", worker_until=NOW - 0.5, born_at=since - 0.5)
    assert step(old) == claims.Help(old)
    young, wanted = replace(old, born_at=since), replace(old, used_until=NOW - TIMING.margin)
    for each in (young, wanted):
        assert step(each) == claims.TakeOver(each)


@pytest.mark.parametrize("phase", ["failed", "deleting"])
def test_what_is_going_is_helped_along(phase: str) -> None:
    assert step(life(phase)) == claims.Help(life(phase))


def test_what_was_stopped_is_helped_along() -> None:
    for phase in ("ready", "creating"):
        assert step(life(phase, stop=True)) == claims.Help(life(phase, stop=True))


def test_a_newer_schema_is_refused() -> None:
    answer = step(life("ready"), schema=SCHEMA + 1)
    assert isinstance(answer, claims.Refuse)
    assert isinstance(answer.error, NewerSchema)


def test_a_failure_asks_for_patience_unless_forced() -> None:
    failures = {"one": Failure(3, NOW + 40, "no memory")}
    answer = step(failures=failures)
    assert isinstance(answer, claims.Refuse)
    assert isinstance(answer.error, StartFailed)
    assert answer.error.retry_after_s == 40
    assert "no memory" in answer.error.message
    assert step(failures=failures, want=replace(WANT, force=True)) == claims.Birth()
    assert step(failures={"one": Failure(3, NOW, "x")}) == claims.Birth()
    assert step(failures={"two": Failure(3, NOW + 40, "x")}) == claims.Birth()


def test_a_short_backoff_after_a_life_that_was_up_is_waited_out() -> None:
    short, long = Failure(2, NOW + 10, "x", True), Failure(2, NOW + 10.5, "x", True)
    assert step(failures={"one": short}) == claims.Pause(NOW + 10)
    assert isinstance(step(failures={"one": long}), claims.Refuse)
    never_up = short._replace(had_started=False)
    assert isinstance(step(failures={"one": never_up}), claims.Refuse)


def test_another_spec_that_somebody_holds_is_refused() -> None:
    for held in (
        life("ready", spec=TWO, used_until=NOW - 20),
        life("creating", spec=TWO, worker="x", worker_until=NOW - 20),
    ):
        answer = step(held)
        assert isinstance(answer, claims.Refuse)
        assert isinstance(answer.error, SpecChanged)
        assert "v is 2, wanted 1" in answer.error.message


def test_another_spec_that_nobody_holds_makes_room() -> None:
    for idle in (
        life("ready", spec=TWO, used_until=NOW - 20.5),
        life("creating", spec=TWO, worker="x", worker_until=NOW - 20.5),
        life("ready", spec=TWO, worker="x", worker_until=NOW + 99),
    ):
        assert step(idle) == claims.Help(idle)


def test_a_replacement_begins_beside_the_current_one_and_is_joined() -> None:
    swap = replace(WANT, replace=True)
    old = life("ready", spec=TWO, used_until=NOW + 99)
    assert step(old, want=swap) == claims.Birth()
    new = life("creating", 2, ONE, worker="me")
    assert step(old, new, want=swap) == claims.Build(new)
    assert step(old, replace(new, stop=True), want=swap) == claims.Help(replace(new, stop=True))


def test_a_replacement_waits_for_the_one_before_to_go() -> None:
    swap = replace(WANT, replace=True)
    old = life("ready", 1, Spec("k", "key", {}, "three"), stop=True)
    current = life("ready", 2, TWO, used_until=NOW + 99)
    assert step(old, current, want=swap) == claims.Help(old)
    mine = life("failed", 3)
    assert step(current, mine, want=swap) == claims.Help(mine)


def test_callers_of_the_replaced_spec_use_the_newest_ready_one() -> None:
    old, new = life("ready", stop=True), life("ready", 2, TWO, used_until=NOW + 99)
    assert step(old, new) == claims.Use(new)


def test_a_birth_forgets_the_tombstones_that_are_old_enough() -> None:
    oldest = NOW - TIMING.tombstone - TIMING.margin
    kept, old = life("gone", 1, gone_at=oldest), life("gone", 2, gone_at=oldest - 0.5)
    living = life("ready", 3, TWO)
    slot = Slot("key", 3, next_gen=4, lives=(kept, old, living))
    new = claims.birth(slot, WANT, {}, NOW, "me", TIMING)
    assert [each.gen for each in new.lives] == [1, 3, 4]


def test_a_birth_is_recorded_with_names_claim_and_demand() -> None:
    slot = Slot("key", 3, next_gen=5)
    want = replace(WANT, price=1.5, creator="ann")
    new = claims.birth(slot, want, {"a": "b"}, NOW, "me", TIMING)
    assert new.next_gen == 6
    assert new.lives == (
        Life(
            5,
            ONE,
            {"a": "b"},
            used_until=NOW + 900,
            writers="me",
            worker="me",
            worker_until=NOW + 300,
            born_at=NOW,
            price=1.5,
            creator="ann",
        ),
    )


def test_a_renewal_never_lowers_and_remembers_who_wrote() -> None:
    it = claims.renewed(life("ready"), WANT, NOW, "me", TIMING)
    assert (it.used_until, it.writers) == (NOW + 900, "me")
    again = claims.renewed(it, replace(WANT, idle=10.0), NOW, "other", TIMING)
    assert (again.used_until, again.writers) == (NOW + 900, "*")
    assert claims.renewed(again, WANT, NOW, "me", TIMING).writers == "*"


def test_the_term_is_half_as_long_again_as_the_longest_call() -> None:
    assert claims.term(WANT, TIMING) == 900
    assert claims.term(replace(WANT, idle=1.0), TIMING) == 150


def test_a_hold_is_kept_apart_and_dropped_alone() -> None:
    want = replace(WANT, hold="h")
    old = life("ready", used_until=5.0, holds={"gone": NOW - 20.5, "kept": NOW - 20})
    it = claims.renewed(old, want, NOW, "me", TIMING)
    assert it.holds == {"kept": NOW - 20, "h": NOW + 900}
    assert it.used_until == 5.0
    assert claims.recorded(it, want) == NOW + 900
    assert claims.recorded(it, WANT) == 5.0
    assert claims.dropped(it, "h").holds == {"kept": NOW - 20}
    earlier = claims.renewed(it, replace(want, idle=1.0), NOW, "me", TIMING)
    assert earlier.holds["h"] == NOW + 900


@pytest.mark.parametrize(
    ("until", "due"), [(NOW + 601, False), (NOW + 600, True), (NOW + 90, True)]
)
def test_a_renewal_is_due_after_a_third_of_its_term(until: float, due: bool) -> None:
    it = life("ready", used_until=until, writers="me")
    assert claims.due(it, WANT, NOW, "me", TIMING) is due


def test_a_renewal_is_due_when_a_call_could_not_start_or_nobody_knows_of_us() -> None:
    short = replace(WANT, idle=1.0)
    it = life("ready", used_until=NOW + 100, writers="*")
    assert claims.due(it, short, NOW, "me", TIMING)
    ahead = replace(it, used_until=NOW + 100.5)
    assert not claims.due(ahead, short, NOW, "me", TIMING)
    assert claims.due(replace(ahead, writers="other"), short, NOW, "me", TIMING)
    assert claims.due(replace(ahead, writers=""), short, NOW, "me", TIMING)


def test_a_call_starts_on_fresh_knowledge_with_time_to_spare() -> None:
    known = Known(life("ready"), NOW + 100.5, NOW - 60)
    assert claims.may_start(known, NOW, TIMING)
    assert not claims.may_start(replace(known, at=NOW - 60.5), NOW, TIMING)
    assert not claims.may_start(replace(known, until=NOW + 100), NOW, TIMING)
    assert not claims.may_start(replace(known, life=life("ready", stop=True)), NOW, TIMING)
    assert claims.outlives(replace(known, at=0.0), NOW, TIMING)


def test_readiness_drains_what_it_replaces_and_teaches_the_estimate() -> None:
    old, dead = life("ready", 1, TWO), life("gone", 2, TWO)
    new = life("creating", 3, born_at=NOW - 40, worker="me", worker_until=NOW + 9)
    later = life("ready", 4, TWO)
    slot = Slot("key", 3, lives=(old, dead, new, later), took={"one": 100.0})
    after = claims.became_ready(slot, new, NOW)
    assert [each.stop for each in after.lives] == [True, False, False, False]
    up = after.life(3)
    assert up is not None
    assert (up.phase, up.ready_at, up.worker, up.worker_until) == ("ready", NOW, "", 0.0)
    assert after.took == {"one": 70.0}
    assert claims.became_ready(Slot("key", 3, lives=(new,)), new, NOW).took == {"one": 40.0}


def test_failures_in_a_row_wait_longer_each_time_up_to_a_limit() -> None:
    it, slot = life("creating"), Slot("key", 3, lives=(life("creating"),))
    delays = []
    for _ in range(9):
        slot = claims.failed(slot, it, "why", NOW, TIMING)
        delays.append(slot.failures["one"].not_before - NOW)
    assert delays == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]
    dead = slot.life(1)
    assert dead is not None
    assert (dead.phase, dead.error, dead.worker) == ("failed", "why", "")


def test_the_first_end_of_a_life_that_was_up_costs_no_wait() -> None:
    it = life("ready", ready_at=NOW - 10)
    slot = claims.failed(Slot("key", 3, lives=(it,)), it, "why", NOW, TIMING)
    assert slot.failures["one"] == Failure(1, NOW, "why", True)
    again = claims.failed(slot, it, "why", NOW, TIMING)
    assert again.failures["one"] == Failure(2, NOW + 60, "why", True)
    proved = replace(it, ready_at=NOW - claims.SETTLED - 1)
    assert claims.failed(again, proved, "why", NOW, TIMING).failures["one"].times == 1


def test_a_stop_takes_effect_at_once_only_for_who_is_alone() -> None:
    it = life("ready", writers="me")

    def drain(it: Life, *, force: bool = False, busy: bool = False) -> float:
        return claims.stopped(it, NOW, "me", TIMING, force=force, busy=busy).drain_until

    assert drain(it) == NOW - 20
    assert drain(replace(it, writers="")) == NOW - 20
    assert drain(it, busy=True) == 0.0
    assert drain(replace(it, writers="*")) == 0.0
    assert drain(replace(it, writers="*"), force=True) == NOW - 20
    assert drain(replace(it, drain_until=5.0)) == 5.0
    asked = claims.stopped(it, NOW, "me", TIMING, force=False, busy=True)
    assert (asked.stop, asked.force) == (True, False)
    forced = replace(it, force=True)
    assert claims.stopped(forced, NOW, "me", TIMING, force=False, busy=True).force
