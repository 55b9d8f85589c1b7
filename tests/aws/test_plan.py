"""What is checked, and shown, before anything that costs money is created."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.credentials import CredentialResolver

from llmanager_sdk.aws import AwsPlatform
from llmanager_sdk.aws.plan import Plan
from llmanager_sdk.aws.simulated import ACTIONS
from llmanager_sdk.core.life import Life
from llmanager_sdk.errors import (
    ConfigurationError,
    CredentialsMissing,
    LLManagerError,
    NotAllowed,
    PermissionMissing,
    StartFailed,
)
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.flows import Scene, ensure, spec, want
from tests.doctor.lying import Lying

ME = "arn:aws:sts::123456789012:assumed-role/dev/me"


def admit(platform: AwsPlatform, price: float = 1.408, **body: Any) -> None:
    """Ask for the plan of a life."""
    made = spec(**body)
    kind = platform.endpoints
    life = Life(1, made, kind.name(made, 1, "feed"), price=price)
    kind.create(life, "plan")


def shown(scene: Scene, **settings: Any) -> tuple[AwsPlatform, list[Plan]]:
    """A process whose plans are kept, in a namespace that somebody reaps."""
    plans: list[Plan] = []
    platform = scene.process(show=plans.append, **settings)
    platform.beats.beat("test")
    return platform, plans


def test_the_plan_says_who_where_what_and_how_much(scene: Scene) -> None:
    platform, plans = shown(scene, cap=5.0)
    admit(platform, instance_types=["ml.g5.xlarge", "ml.g6.xlarge"])
    [plan] = plans
    text = str(plan)
    for words in (
        "tiny: creating a SageMaker endpoint on ml.g5.xlarge or ml.g6.xlarge",
        f"in account 123456789012, us-east-1, as {ME}",
        "at most 1.41 $/h; 1.41 $/h of the cap of 5.00 $/h",
        "deleted by test",
        "checked: permissions, quotas, reaper and cap",
    ):
        assert words in text
    assert not plan.unchecked


def test_nothing_is_created_by_a_plan(aws: FakeAws, scene: Scene) -> None:
    platform, _ = shown(scene)
    aws.faults.clear()
    admit(platform)
    made = [call for call in aws.faults.calls if ":Create" in call]
    assert made == []


def test_missing_permissions_are_named_with_the_statement(aws: FakeAws, scene: Scene) -> None:
    platform, plans = shown(scene)
    aws.rules.denied = {"sagemaker:CreateEndpoint", "sagemaker:DeleteEndpoint"}
    with pytest.raises(PermissionMissing, match=r"may not do sagemaker:CreateEndpoint, ") as caught:
        admit(platform)
    assert '"sagemaker:DeleteEndpoint"' in caught.value.statement
    assert {"sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"} < set(ACTIONS)
    assert plans == []


def test_permissions_are_asked_about_on_names_and_tags_of_the_namespace(scene: Scene) -> None:
    """A policy that allows no more denies the same actions on "*"."""
    asked: list[Any] = []

    def simulate(call: Any, request: Any) -> Any:
        asked.append(request)
        return call(**request)

    lies = {"iam.simulate_principal_policy": simulate}
    platform = scene.process(Lying(scene.aws.session(), lies))
    platform.beats.beat("test")
    admit(platform)
    where = {each["ResourceArns"][0].split(":", 5)[5]: each["ActionNames"] for each in asked}
    parts = [name.split("/") for name in where]
    assert [part for part, _ in parts] == ["model", "endpoint-config", "endpoint"]
    assert all(name.startswith(f"llm-{scene.namespace}-") for _, name in parts)
    assert sorted(x for names in where.values() for x in names) == sorted(ACTIONS)
    told = {x["ContextKeyName"]: x["ContextKeyValues"] for x in asked[0]["ContextEntries"]}
    assert told == {
        "aws:RequestTag/llmanager:namespace": [scene.namespace],
        "aws:ResourceTag/llmanager:namespace": [scene.namespace],
        "aws:RequestedRegion": ["us-east-1"],
        "application-autoscaling:service-namespace": ["sagemaker"],
    }
    assert {each["PolicySourceArn"] for each in asked} == {"arn:aws:iam::123456789012:role/dev"}


SSO = "AWSReservedSSO_Dev_0123456789abcdef"


@pytest.mark.parametrize(
    ("caller", "says"),
    [
        (
            f"arn:aws:sts::123456789012:assumed-role/{SSO}/me",
            f"NoSuchEntity: The role with name {SSO}",
        ),
        ("arn:aws:iam::123456789012:root", "InvalidInput: Invalid Entity Arn"),
        ("arn:aws:sts::123456789012:federated-user/me", "InvalidInput: Invalid Entity Arn"),
    ],
)
def test_whose_policies_cannot_be_simulated_is_refused_nothing(
    aws: FakeAws, scene: Scene, caller: str, says: str
) -> None:
    """Roles of IAM Identity Center have a path, which no ARN of a session holds."""
    platform, plans = shown(scene)
    aws.rules.caller = caller
    aws.rules.paths = {SSO: "/aws-reserved/sso.amazonaws.com/eu-west-1/"}
    admit(platform)
    assert f"permissions (iam:SimulatePrincipalPolicy: {says}" in str(plans[0])
    assert "permissions" not in plans[0].checked


def test_a_denial_for_want_of_a_condition_means_nothing(aws: FakeAws, scene: Scene) -> None:
    platform, plans = shown(scene)
    aws.rules.conditions = {"aws:MultiFactorAuthPresent"}
    admit(platform)
    assert "its policies decide by aws:MultiFactorAuthPresent)" in str(plans[0])
    assert "permissions" not in plans[0].checked


def test_the_region_of_a_call_is_told_to_conditions(aws: FakeAws, scene: Scene) -> None:
    platform, plans = shown(scene)
    aws.rules.conditions = {"aws:RequestedRegion"}
    admit(platform)
    assert "permissions" in plans[0].checked


def test_who_may_not_scale_is_told_before_anything_is_billed(aws: FakeAws, scene: Scene) -> None:
    platform, _ = shown(scene)
    aws.rules.denied = {"application-autoscaling:PutScalingPolicy"}
    with pytest.raises(StartFailed, match="may not do application-autoscaling:PutScalingPolicy"):
        ensure(platform, want(max_instances=2))
    assert scene.left() == []
    ensure(platform, want(key="steady"))


def test_what_could_not_be_computed_is_shown(scene: Scene) -> None:
    """Hugging Face is not asked here, and the caller chose the type."""
    platform, plans = shown(scene)
    made = platform.chat("org/new", None, {"instance_type": "ml.g5.xlarge"}).spec
    life = Life(1, made, platform.endpoints.name(made, 1, "feed"), price=1.408)
    platform.endpoints.create(life, "plan")
    assert "memory: not computed" in str(plans[0])


@pytest.mark.parametrize(
    ("action", "what", "says"),
    [
        (
            "iam:SimulatePrincipalPolicy",
            "denied",
            "permissions (iam:SimulatePrincipalPolicy is",
        ),
        ("iam:SimulatePrincipalPolicy", "5xx", "permissions (no answer)"),
        (
            "service-quotas:ListServiceQuotas",
            "denied",
            "quotas (servicequotas:ListServiceQuotas",
        ),
    ],
)
def test_a_look_that_is_not_allowed_is_shown_and_refuses_nothing(
    aws: FakeAws, scene: Scene, action: str, what: Any, says: str
) -> None:
    platform, plans = shown(scene)
    aws.faults.add(Fault(action, what, times=9))
    admit(platform)
    assert says in str(plans[0])


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ({"price": 0.0}, NotAllowed, "price of ml.g5.xlarge is not known"),
        ({"role": ""}, ConfigurationError, "no role is set"),
        ({"hub": "org/tiny", "gated": True}, ConfigurationError, "gated, and no token is set"),
    ],
)
def test_what_is_missing_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    scene: Scene,
    body: dict[str, Any],
    error: type[LLManagerError],
    says: str,
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    platform, plans = shown(scene)
    with pytest.raises(error, match=says) as caught:
        admit(platform, **body)
    assert caught.value.hint
    assert plans == []


def test_who_is_not_known_is_told_to_sign_in(aws: FakeAws, scene: Scene) -> None:
    session = aws.session()
    session._session.register_component("credential_provider", CredentialResolver([]))
    session._session._credentials = None
    platform = scene.process(session)
    with pytest.raises(CredentialsMissing, match="AWS does not know who asks"):
        admit(platform)


def test_every_part_bears_its_creator(aws: FakeAws, scene: Scene) -> None:
    platform, _ = shown(scene)
    made = spec()
    life = Life(1, made, platform.endpoints.name(made, 1, "feed"), price=1.0)
    for part in platform.endpoints.parts:
        platform.endpoints.create(life, part)
        aws.clock.sleep(10.0)
    things = [*aws.sagemaker.models.values(), *aws.sagemaker.configs.values()]
    things += aws.sagemaker.endpoints.values()
    assert [each.tags["llmanager:creator"] for each in things] == [ME] * 3


def test_a_platform_of_ones_own_for_one_object(aws: FakeAws, scene: Scene) -> None:
    mine = AwsPlatform(scene.process().settings, session=aws.session(), namespace="other", cap=1.0)
    assert (mine.settings.namespace, mine.settings.cap) == ("other", 1.0)
    assert mine.settings.role == scene.process().settings.role
    for wrong in ({"regoin": "x"}, {"namespace": "NO"}):
        with pytest.raises(ConfigurationError):
            AwsPlatform(scene.process().settings, **wrong)
