"""What may be deleted, case by case; the checks are in `decide_checks`."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmanager_sdk.core import life
from llmanager_sdk.core.life import PHASES, Delete, Life, Seen, Slot, Spec, Timing, Write, decide
from tests.core.data_checks import CHECKS
from tests.core.decide_checks import Check

TIMES = st.one_of(
    st.sampled_from([0.0, -math.inf, math.inf, math.nan]), st.floats(-1e6, 1e6, width=32)
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_decide(check: Check) -> None:
    check(life)


@settings(max_examples=500, deadline=None)
@given(
    phase=st.sampled_from(PHASES),
    seen=st.sampled_from(list(Seen)),
    used=st.one_of(st.none(), TIMES),
    held=st.floats(0, 1e6),
    worker_until=st.floats(0, 1e6),
    now=st.floats(0, 1e6),
)
def test_what_is_condemned_was_past_its_deadline_and_its_worker(
    phase: life.Phase,
    seen: Seen,
    used: float | None,
    held: float,
    worker_until: float,
    now: float,
) -> None:
    timing = Timing(1000.0, 100.0, 20.0, 300.0, False)
    it = Life(1, Spec("k", "k", {}, "d"), {}, phase, held, worker="w", worker_until=worker_until)
    move = decide(Slot("k", 1, lives=(it,)), it, seen, used, now, "me", timing)
    if isinstance(move, Delete):
        assert phase == "gone"
    if isinstance(move, Write) and (new := move.slot.life(1)) is not None:
        assert PHASES.index(new.phase) >= PHASES.index(phase)
        if phase in ("creating", "ready"):
            assert now > held + timing.margin
        if phase in ("creating", "failed", "deleting"):
            assert now > worker_until + timing.margin
