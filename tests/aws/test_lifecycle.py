"""An endpoint's life in an account that behaves as AWS does: through the engine, end to end."""

from __future__ import annotations

import pytest

from llmanager_sdk.core import verbs
from llmanager_sdk.core.drivers import Sleep, run
from llmanager_sdk.errors import NotAllowed, StartFailed
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.clocks import Turned
from tests.aws.conftest import Make
from tests.aws.flows import ensure, reap, spec, want


def left(aws: FakeAws) -> list[str]:
    """Everything there is in SageMaker."""
    it = aws.sagemaker
    it.call("ListEndpoints", {})
    return [*it.models, *it.configs, *it.endpoints]


def test_the_first_use_creates_and_what_nobody_uses_goes(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    platform = make()
    platform.beats.beat("test")
    began = clock.now
    known = ensure(platform, want())
    assert known.life.phase == "ready"
    assert 300 <= clock.now - began < 400
    assert aws.sagemaker.created == {"model": 1, "endpoint-config": 1, "endpoint": 1}
    assert ensure(make(), want()).life.names == known.life.names
    name = known.life.names["endpoint"]
    tags = aws.sagemaker.endpoints[name].tags
    assert tags["llmanager:namespace"] == platform.settings.namespace
    assert tags["llmanager:life"] == name

    clock.now += 600
    assert reap(platform).done == []
    clock.now += 900
    for _ in range(4):
        reap(platform)
        clock.now += 300
    assert left(aws) == []
    slot = platform.keeper.engine.registry.read("tiny")
    assert [life.phase for life in slot.lives] == ["gone"]

    again = ensure(platform, want())
    assert again.life.gen == 2
    assert again.life.names != known.life.names


def test_a_use_that_only_cloudwatch_saw_keeps_it(aws: FakeAws, make: Make, clock: Turned) -> None:
    platform = make()
    platform.beats.beat("test")
    known = ensure(platform, want())
    clock.now += 1500
    aws.services.invoked(known.life.names["endpoint"])
    [spared] = reap(platform).spared
    assert "a use after its lease" in spared[2]
    clock.now += 300
    assert reap(platform).done


def test_without_its_probe_in_the_metrics_nothing_is_deleted(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    platform = make()
    platform.beats.beat("test")
    known = ensure(platform, want())
    aws.services.invocations.clear()
    clock.now += 86_400
    report = reap(make())
    assert report.done == []
    assert "counts as in use" in report.unknown[0][2]
    assert known.life.names["endpoint"] in aws.sagemaker.endpoints


def test_nothing_is_created_while_no_reaper_lives(aws: FakeAws, make: Make) -> None:
    with pytest.raises(StartFailed, match="no reaper lives") as caught:
        ensure(make(), want())
    assert "llmanager reap --watch" in str(caught.value)
    assert isinstance(caught.value.__cause__, NotAllowed)
    assert left(aws) == []


def test_the_cap_holds_for_the_namespace(aws: FakeAws, make: Make) -> None:
    platform = make(cap=2.0)
    platform.beats.beat("test")
    ensure(platform, want())
    with pytest.raises(StartFailed, match=r"cap of this namespace is 2\.00") as caught:
        ensure(platform, want(key="other"))
    assert "LLMANAGER_CAP" in str(caught.value)
    assert len(aws.sagemaker.endpoints) == 1
    assert len(aws.sagemaker.models) == 1


def test_a_creation_is_taken_over_by_the_next_process(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    first, second = make(), make()
    first.beats.beat("test")
    steps = first.keeper.engine.ensure(want())
    effect = next(steps)
    while not aws.sagemaker.endpoints:
        if isinstance(effect, Sleep):
            clock.sleep(effect.seconds)
        effect = steps.send(None if isinstance(effect, Sleep) else effect.call())
    steps.close()  # it dies here
    clock.now += 301 + 120
    second.beats.beat("test")
    known = ensure(second, want())
    assert known.life.gen == 1
    assert aws.sagemaker.created["endpoint"] == 1


def test_no_capacity_fails_with_the_reason_and_leaves_nothing(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    aws.rules.capacity.add("ml.g5.xlarge")
    platform = make()
    platform.beats.beat("test")
    with pytest.raises(StartFailed, match="InsufficientInstanceCapacity") as caught:
        ensure(platform, want())
    assert "ml.g5.xlarge" in str(caught.value)
    for _ in range(3):
        clock.now += 300
        reap(platform)
    assert left(aws) == []


def test_pools_fall_back(aws: FakeAws, make: Make) -> None:
    aws.rules.capacity.add("ml.g5.xlarge")
    platform = make()
    platform.beats.beat("test")
    known = ensure(platform, want(instance_types=["ml.g5.xlarge", "ml.g6.xlarge"]))
    [config] = aws.sagemaker.configs.values()
    variant = config.request["ProductionVariants"][0]
    assert [pool["Priority"] for pool in variant["InstancePools"]] == [1, 2]
    assert known.life.phase == "ready"


def test_a_container_that_crashes_again_and_again_fails_long_before_its_time(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    aws.rules.crashing.add("org/tiny")
    platform = make()
    platform.beats.beat("test")
    began = clock.now
    with pytest.raises(StartFailed, match="ended again and again") as caught:
        ensure(platform, want(health_timeout_s=3600))
    assert "Traceback" in str(caught.value)
    assert clock.now - began < 600
    clock.now += 3700
    for _ in range(3):
        clock.now += 300
        reap(platform)
    assert left(aws) == []


def test_stop_deletes_and_a_stranger_is_left_alone(aws: FakeAws, make: Make, clock: Turned) -> None:
    platform = make()
    platform.beats.beat("test")
    known = ensure(platform, want())
    stranger = f"llm-{platform.settings.namespace}-foreign-1-x"
    request = {
        "ModelName": stranger,
        "PrimaryContainer": {"Image": "x"},
        "ExecutionRoleArn": "arn:aws:iam::1:role/x",
    }
    aws.sagemaker.call("CreateModel", request)
    engine = platform.keeper.engine
    run(verbs.stop(engine, "tiny", force=True), engine.clock)
    run(verbs.see_off(engine, "tiny", 1000.0), engine.clock)
    assert known.life.names["endpoint"] not in aws.sagemaker.endpoints
    report = reap(platform)
    assert report.rowless == [{"model": stranger}]
    assert left(aws) == [stranger]


def test_a_taken_name_is_an_error_and_nothing_of_the_strangers_is_touched(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    platform = make()
    platform.beats.beat("test")
    engine = platform.keeper.engine
    names = engine.kinds["endpoint"].name(spec(), 1, "feed")
    engine._token = lambda: "feed"
    request = {
        "ModelName": names["model"],
        "PrimaryContainer": {"Image": "x"},
        "ExecutionRoleArn": "arn:aws:iam::1:role/x",
    }
    aws.sagemaker.call("CreateModel", request)
    clock.now += 1
    with pytest.raises(StartFailed, match="name is taken"):
        ensure(platform, want())
    for _ in range(3):
        clock.now += 600
        reap(platform)
    assert left(aws) == [names["model"]]
    phases = {life.phase for life in engine.registry.read(spec().key).lives}
    assert phases == {"gone"}, "what is a stranger's keeps no row of ours"
    engine._token = lambda: "beef"
    assert ensure(platform, want()).life.names["model"] != names["model"]


def test_an_endpoint_whose_tags_are_gone_is_left_alone_and_not_forgotten(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    platform = make()
    platform.beats.beat("test")
    life = ensure(platform, want(max_instances=2)).life
    endpoint = aws.sagemaker.endpoints[life.names["endpoint"]]
    tags, endpoint.tags = endpoint.tags, {}
    for _ in range(3):
        clock.now += 3600
        report = reap(platform)
        assert "bears other tags, or none" in str(report.errors)
    assert len(left(aws)) == 3
    assert aws.services.targets, "what scales it was not touched either"
    (row,) = platform.keeper.engine.registry.read(spec().key).lives
    assert row.phase == "deleting"
    endpoint.tags = tags
    for _ in range(3):
        clock.now += 3600
        reap(platform)
    assert left(aws) == []


def test_scaling_that_cannot_be_ended_keeps_no_endpoint_alive(
    aws: FakeAws, make: Make, clock: Turned
) -> None:
    platform = make()
    platform.beats.beat("test")
    ensure(platform, want(max_instances=2))
    aws.faults.add(Fault("application-autoscaling:DeregisterScalableTarget", "denied", times=99))
    for _ in range(4):
        clock.now += 3600
        report = reap(platform)
    assert not aws.sagemaker.endpoints, "nothing that costs stays for want of it"
    assert "DeregisterScalableTarget" in str(report.errors), "told until it is done"
    assert left(aws), "and what is free remembers it"
    aws.faults.clear()
    for _ in range(3):
        clock.now += 3600
        reap(platform)
    assert left(aws) == []
    assert not aws.services.targets
