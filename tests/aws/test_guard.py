"""Who reaps, and the switch that stops them all."""

from __future__ import annotations

import pytest

from llmanager_sdk.aws.guard import need_reaper
from llmanager_sdk.errors import NotAllowed
from tests.aws.clocks import Turned
from tests.aws.conftest import Make


def test_a_word_counts_until_its_time_is_over_or_it_is_taken_back(
    make: Make, clock: Turned
) -> None:
    beats = make().beats
    assert beats.living() == []
    beats.beat("watch@a", 300.0, "k7")
    assert [beat.source for beat in beats.living()] == ["watch@a"]
    assert beats.words().get("watch@a", "cursor") == "k7"
    clock.now += 899
    assert beats.living()
    clock.now += 2
    assert beats.living() == []
    beats.beat("watch@a", 300.0)
    beats.end("watch@a")
    beats.end("watch@a")
    assert beats.living() == []


def test_an_earlier_word_never_replaces_a_later_one(make: Make, clock: Turned) -> None:
    beats = make().beats
    beats.beat("lambda", 300.0)
    later = beats.words().get("lambda", "expires")
    clock.now -= 100
    beats.beat("lambda", 300.0)
    assert beats.words().get("lambda", "expires") == later


def test_the_switch_may_be_turned_again_and_again(make: Make, clock: Turned) -> None:
    beats = make().beats
    for _ in range(2):
        beats.switch("ann")
        assert beats.words().off_by == "ann"
    beats.beat("lambda", 300.0)
    assert beats.living() == []
    with pytest.raises(NotAllowed, match=r"off \(ann\)"):
        need_reaper(beats.words(), clock.now, "k")
    for _ in range(2):
        beats.switch("")
        assert beats.words().off_by == ""
    assert [beat.source for beat in need_reaper(beats.words(), clock.now, "k")] == ["lambda"]
