"""A part of the tables that `make accept` prints in full, and the reaper's words."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

from llmanager_sdk.aws.reaper import SWITCH, Heartbeats, registry_table, sweep_and_tell
from llmanager_sdk.core.life import Life, Spec
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.conftest import aws, dynamodb_url
from tests.infra import sweep_crashes
from tests.infra.inventories import survey
from tests.infra.load import load
from tests.infra.tiny import Tiny

__all__ = ["aws", "dynamodb_url"]
NAME = "llm-main-k-1-aa"


def idle(tiny: Tiny, **more: Any) -> None:
    names = dict.fromkeys(("model", "config", "endpoint"), NAME)
    told = {"used_until": tiny.now - 3600, "ready_at": tiny.now - 9e3, "price": 1.5, **more}
    tiny.put(Life(1, Spec("endpoint", "k", {}, "d"), names, "ready", **told))


def sweep(tiny: Tiny, topic: str = "") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    log = io.StringIO()
    environ = {"LLMANAGER_NAMESPACE": tiny.namespace, "LLMANAGER_TOPIC": topic}
    with contextlib.redirect_stdout(log):
        metrics = sweep_and_tell(tiny.client, environ, tiny.now + 260.0, tiny)
    return metrics, [json.loads(line) for line in log.getvalue().splitlines()]


def test_the_log_holds_what_was_done_and_the_metrics() -> None:
    tiny = Tiny()
    idle(tiny)
    tiny.make("llm-main-nobodys-1-bb")
    metrics, lines = sweep(tiny)
    assert [line["event"] for line in lines[:-1]][-3:] == ["rowless"] * 3
    assert {"event": "done", "what": ["k", 1, "every part is gone"]} in lines
    form = lines[-1]["_aws"]["CloudWatchMetrics"][0]
    assert form["Namespace"] == "llmanager"
    assert {each["Name"] for each in form["Metrics"]} < set(lines[-1])
    assert (metrics["Spend"], metrics["Idle"], metrics["Rowless"], metrics["Swept"]) == (
        *(1.5, 1.5, 3),
        1,
    )
    assert tiny.deleted == [NAME] * 3


def test_the_topic_hears_of_what_happened_and_not_of_what_lasts() -> None:
    tiny = Tiny()
    tiny.make("llm-main-nobodys-1-bb")
    sweep(tiny, "topic")
    assert tiny.published == []
    idle(tiny)
    sweep(tiny, "topic")
    assert len(tiny.published) == 1
    assert "nobody used it" in tiny.published[0]
    assert "nobodys" not in tiny.published[0]


def test_a_topic_that_refuses_stops_no_sweep() -> None:
    tiny = Tiny()
    idle(tiny)
    published, client = [], tiny.client

    class Refuses:
        def publish(self, **request: Any) -> None:
            published.append(request)
            raise PermissionError("KMSAccessDenied")

    tiny.client = lambda name: Refuses() if name == "sns" else client(name)  # type: ignore[assignment,method-assign]
    metrics, lines = sweep(tiny, "topic")
    assert len(published) == 1
    assert tiny.deleted == [NAME] * 3
    assert {"event": "topic", "what": "KMSAccessDenied"} in lines
    assert (metrics["Swept"], metrics["Errors"]) == (1, 1)


def test_what_is_spared_is_told_with_its_reason() -> None:
    tiny = Tiny()
    idle(tiny, used_until=tiny.now + 1e4)
    _, lines = sweep(tiny)
    assert {"event": "spared", "what": {"its lease or pin has not run out": 1}} in lines
    assert tiny.deleted == []


def test_a_word_is_given_and_never_goes_back() -> None:
    tiny = Tiny()
    idle(tiny)
    sweep(tiny)
    beats = Heartbeats(registry_table("main"), "main", tiny.client("dynamodb"), tiny)
    assert float(beats.read()["lambda"]["expires"]) == tiny.now + 900.0


def test_while_it_is_off_nothing_is_deleted_and_no_word_is_given() -> None:
    tiny = Tiny()
    idle(tiny)
    pk = "main#reaper"
    tiny.items[pk, SWITCH] = {"pk": {"S": pk}, "sk": {"S": SWITCH}, "off_by": {"S": "ann"}}
    _, lines = sweep(tiny)
    assert lines[0] == {"event": "switched off", "what": "ann"}
    assert any(line["event"] == "would be done" for line in lines[:-1])
    assert tiny.deleted == []
    assert (pk, "lambda") not in tiny.items


def test_it_goes_on_where_it_ran_out_of_time() -> None:
    limited = load(60, limit=10.0)
    assert limited.left == 0
    assert limited.rounds > 1


def test_signals_that_say_nothing_delete_nothing() -> None:
    found = survey(60, seed=7)
    assert (found.deleted, found.touched, found.disobeyed) == (0, 0, 0)
    assert found.gone == found.inventories
    assert found.switched > 0


def test_some_crashes_of_a_sweep(aws: FakeAws, tmp_path: Path) -> None:
    cases = list(sweep_crashes.table(aws, tmp_path, only=41))
    assert cases
    assert [case for case in cases if case.wrong] == []
