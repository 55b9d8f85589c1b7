"""Quotas of instance types: looked up before anything that costs money is created."""

from __future__ import annotations

import pytest

from llmanager_sdk.core.claims import Want
from llmanager_sdk.errors import QuotaExceeded, StartFailed
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.flows import Scene, ensure, want
from tests.aws.test_plan import admit, shown


def test_a_quota_that_is_too_small_is_named_with_its_code(aws: FakeAws, scene: Scene) -> None:
    platform, _ = shown(scene)
    aws.rules.quota = {"ml.g5.xlarge": 1}
    with pytest.raises(QuotaExceeded, match=r"is 1, and 2 are wanted") as caught:
        admit(platform, max_instances=2)
    error = caught.value
    assert error.quota == "ml.g5.xlarge for endpoint usage"
    assert error.code.startswith("L-")
    assert f"--quota-code {error.code} --desired-value 2" in error.hint


def test_types_of_ours_without_quota_are_left_out_of_plan_and_request(
    aws: FakeAws, scene: Scene
) -> None:
    platform, plans = shown(scene)
    first, *others = platform.chat("qwen3-0.6b", None, {}).spec.body["instance_types"]
    aws.rules.quota = {first: 0}
    made = platform.chat("qwen3-0.6b", None, {}).spec
    assert made.body["instance_types"] == [first, *others], "a quota makes no other deployment"
    ensure(platform, Want(made, 900.0, price=1.408))
    [plan] = plans
    assert plan.types == others
    assert f"without {first}: its quota (L-" in str(plan)
    [config] = aws.sagemaker.configs.values()
    [variant] = config.request["ProductionVariants"]
    pools = variant.get("InstancePools") or [variant]
    assert [pool["InstanceType"] for pool in pools] == others


def test_where_no_type_has_quota_nothing_is_created(aws: FakeAws, scene: Scene) -> None:
    platform, _ = shown(scene)
    made = platform.chat("qwen3-0.6b", None, {}).spec
    types = made.body["instance_types"]
    aws.rules.quota = dict.fromkeys(types, 0)
    with pytest.raises(StartFailed, match=f"quota '{types[0]} for endpoint usage'"):
        ensure(platform, Want(made, 900.0, price=1.408))
    assert scene.left() == []


def test_of_types_that_the_caller_chose_those_with_quota_are_named(
    aws: FakeAws, scene: Scene
) -> None:
    platform, _ = shown(scene)
    aws.rules.quota = {"ml.g5.xlarge": 0}
    how = {"instance_type": ["ml.g5.xlarge", "ml.g6.xlarge"]}
    made = platform.chat("qwen3-0.6b", None, how).spec
    with pytest.raises(StartFailed) as caught:
        ensure(platform, Want(made, 900.0, price=1.408))
    assert "use instance_type=['ml.g6.xlarge'], which have quota" in caught.value.hint


def test_the_quota_of_every_pool_counts(aws: FakeAws, scene: Scene) -> None:
    """As AWS has it: whichever would have been used."""
    platform, _ = shown(scene)
    aws.faults.add(Fault("service-quotas:ListServiceQuotas", "denied", times=9))
    aws.rules.quota = {"ml.g6.xlarge": 0}
    with pytest.raises(StartFailed, match=r"account-level service limit 'ml\.g6\.xlarge"):
        ensure(platform, want(instance_types=["ml.g5.xlarge", "ml.g6.xlarge"]))


def test_a_quota_that_others_use_up_is_named_with_its_code(aws: FakeAws, scene: Scene) -> None:
    platform, _ = shown(scene)
    aws.rules.quota = {"ml.g5.xlarge": 1}
    ensure(platform, want())
    with pytest.raises(StartFailed, match="account-level service limit") as caught:
        ensure(platform, want(key="other"))
    cause = caught.value.__cause__
    assert isinstance(cause, QuotaExceeded)
    assert cause.quota == "ml.g5.xlarge for endpoint usage"
    assert cause.code.startswith("L-")
    assert f"--quota-code {cause.code}" in caught.value.hint


def test_a_quota_that_nobody_lists_is_shown(scene: Scene) -> None:
    platform, plans = shown(scene)
    admit(platform, instance_types=["ml.p5.48xlarge"])
    assert "quota of ml.p5.48xlarge (none of that name)" in str(plans[0])
