"""`llmanager ls`, `ceiling`, `stop`, `logs` on an account: what they show of it."""

from __future__ import annotations

import json
from argparse import Namespace
from typing import Any

import pytest

from llmanager_sdk.aws.bounds import DELETING_S, between, creating
from llmanager_sdk.aws.guard import Beat
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.rowless import Strays, condemn
from llmanager_sdk.cli import ceiling, resources, spending
from llmanager_sdk.errors import NotAllowed
from llmanager_sdk.look import look
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.flows import ROLE, Scene, ensure, stop, want


@pytest.fixture
def platform(scene: Scene) -> AwsPlatform:
    made = scene.process()
    made.beats.beat("lambda")
    return made


def told(platform: AwsPlatform) -> str:
    view = look(platform)
    around = spending.Around.of(platform, view)
    costs = view.costs()
    rows = [str(spending.row(each, "aws")) for each in costs]
    return "\n".join([*rows, *around.lines(costs), *spending.unseen(view)])


def test_an_empty_namespace(platform: AwsPlatform) -> None:
    assert told(platform).startswith("what nobody uses is deleted by lambda (good until ")


def test_what_costs_money_and_what_it_cost(platform: AwsPlatform, scene: Scene) -> None:
    ensure(platform, want())
    ensure(platform, want(key="big", price=7.0))
    scene.aws.clock.sleep(3600.0)
    text = told(platform)
    assert "2 in all: at most 2.82 $/h, 6% of the cap of 50.00 $/h" in text
    dear, _ = look(platform).costs()
    assert dear.spent == pytest.approx(1.408 * (3600 + 300) / 3600, rel=0.2)
    assert "nobody used it for its idle time" in text
    assert "goes" not in text.partition("'GOES': '")[2].partition("'")[0]


def test_no_reaper_and_reapers_that_are_off(platform: AwsPlatform) -> None:
    platform.beats.end("lambda")
    assert "no reaper lives" in told(platform)
    platform.beats.switch("me@here")
    assert "the reapers are off (me@here)" in told(platform)


def test_what_no_row_knows_is_shown_with_its_price(platform: AwsPlatform, scene: Scene) -> None:
    known = ensure(platform, want())
    scene.aws.session().client("dynamodb").delete_item(
        TableName=f"llmanager-{scene.namespace}-registry",
        Key={"pk": {"S": scene.namespace}, "sk": {"S": known.life.spec.key}},
    )
    text = told(platform)
    assert f"no row knows {known.life.names['endpoint']}" in text
    assert "1.41 $/h; bears this namespace's tags" in text
    assert "llmanager doctor --fix" in text
    view = look(platform)
    found = ceiling.computed(view, spending.Around.of(platform, view))
    assert "no row knows" in found.unbounded[0]
    assert "There is no ceiling" in "\n".join(ceiling.told(found))


def test_a_look_that_is_not_allowed_is_said(platform: AwsPlatform, aws: FakeAws) -> None:
    ensure(platform, want())
    aws.faults.add(Fault("cloudwatch:GetMetricData", "denied", times=9))
    aws.faults.add(Fault("sagemaker:ListEndpoints", "denied", times=1))
    text = told(platform)
    assert "could not be seen: tiny, life 1" in text
    assert "could not be seen: what exists of kind endpoint" in text
    assert "'LAST USE': 'unknown'" in text


def test_json_is_a_list_of_what_there_is(
    platform: AwsPlatform, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure(platform, want())
    scene.aws.sagemaker.call(
        "CreateModel",
        {"ModelName": f"llm-{scene.namespace}-lost", "ExecutionRoleArn": ROLE, "Tags": []},
    )
    spending.show(platform, as_data=True)
    life, lost = json.loads(capsys.readouterr().out)
    assert (life["key"], life["phase"], life["due"]) == ("tiny", "ready", False)
    assert {"price", "spent", "last_use", "why", "creator", "names"} <= set(life)
    assert (lost["phase"], lost["price"]) == ("rowless", 0.0)


# -- the ceiling -----------------------------------------------------------------------------------


def test_the_ceiling_adds_up_and_what_is_spent_stays_below(
    platform: AwsPlatform, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure(platform, want())
    ensure(platform, want(key="other"))
    assert ceiling.show(platform, as_data=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["total"] == pytest.approx(sum(x["amount"] for x in found["lines"]))
    for line in found["lines"]:
        assert line["seconds"] == pytest.approx(sum(x["seconds"] for x in line["parts"]))
        assert line["amount"] == pytest.approx(line["price"] * line["seconds"] / 3600)
    assert ceiling.show(platform, as_data=False) == 0
    text = capsys.readouterr().out
    assert "1.41 $/h x" in text
    assert f"in all {found['total']:.2f} $" in text
    assert scene.settle(30) <= 30
    assert 2 * 1.408 * (scene.aws.clock.time() - found["at"]) / 3600 <= found["total"]


def test_without_a_reaper_there_is_none(
    platform: AwsPlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure(platform, want())
    platform.beats.end("lambda")
    assert ceiling.show(platform, as_data=False) == 1
    assert "no reaper lives: run `llmanager deploy`" in capsys.readouterr().out
    platform.beats.switch("me@here")
    assert ceiling.show(platform, as_data=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["total"] is None
    assert any("reap --on" in why for why in found["unbounded"])


def test_how_long_things_take_at_most(platform: AwsPlatform) -> None:
    life = ensure(platform, want()).life
    assert creating(life) == 1800.0 + 900.0 + 900.0
    assert DELETING_S == 1800.0
    now = 1000.0
    assert between([], now) == 300.0
    assert between([Beat("lambda", now + 9e9)], now) == 300.0
    assert between([Beat("watch@x:1", now + 3 * 3600.0)], now) == 5400.0
    assert between([Beat("watch@x:1", now + 100.0)], now) == 300.0


# -- stop, logs, strays ----------------------------------------------------------------------------


def test_logs(platform: AwsPlatform, capsys: pytest.CaptureFixture[str]) -> None:
    ensure(platform, want())
    args = Namespace(key="tiny", lines=5, json=True)
    assert resources.show_logs(platform, args) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert (len(lines), lines[-1]) == (5, "the container answers")


def test_only_what_bears_our_tags_is_condemned(platform: AwsPlatform, scene: Scene) -> None:
    name = f"llm-{scene.namespace}-theirs"
    scene.aws.sagemaker.call(
        "CreateModel", {"ModelName": name, "ExecutionRoleArn": ROLE, "Tags": []}
    )
    strays = Strays(platform.account, scene.namespace)
    (found,) = strays.look([{"model": name}])
    assert not found.ours
    with pytest.raises(NotAllowed, match="left alone"):
        condemn(platform.keeper.engine.registry, found, 0.0, "me")
    assert strays.look([{"model": f"{name}-gone"}]) == []


def test_a_stopped_resource_is_shown_as_going(platform: AwsPlatform) -> None:
    ensure(platform, want())
    stop(platform)
    found: Any = look(platform).looks
    assert found == []
