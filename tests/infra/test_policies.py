"""The policies of the stack, held against what everybody asks for: enough, and hardly more."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from llmanager_sdk.deploy.templates import template
from llmanager_sdk.testing.aws.recorder import FOLDER, Call, Recorder
from tests.aws.flows import account
from tests.infra.evaluator import ROLES, Statement, beyond, judge, statements
from tests.infra.people import FLOWS, People
from tests.registry.conftest import dynamodb_url

__all__ = ["dynamodb_url"]

MORE: Mapping[tuple[str, str], str] = {
    ("iam:PassRole", "arn:aws:iam::*:role/sagemaker"): "a role of the user's own (`role`)",
    ("sagemaker:CallWithBearerToken", "*"): "OpenAI's clients; opens what its holder may open",
    ("sagemaker:InvokeEndpoint*", "arn:aws:sagemaker:*:*:endpoint/theirs"): (
        "an endpoint that the SDK did not make (`endpoint_name`)"
    ),
    ("dynamodb:Scan", "arn:aws:dynamodb:*:*:table/theirs-*"): (
        "a table of LangChain's that histories are copied from"
    ),
    ("logs:DescribeLogGroups", "arn:aws:logs:*:*:log-group::log-stream:"): (
        "how large old logs are: `destroy` goes without; IAM knows it for all groups only"
    ),
}
"""What some uses take beyond the policies, and why: docs/stack.md, at the end of "For people"."""

_LOOKS = "wildcard: it only describes, and only what bears the names of the namespace"
_IMAGE = "SageMaker does it when it starts a container: pull the image"
_RUNS = "SageMaker does it while a container runs: its log, as any role for SageMaker has it"
_WEIGHTS = "SageMaker does it when it starts a container: read the weights"
_KEY = "SageMaker does it, with a key of the user's own: volumes, and weights that are encrypted"
_VPC = "SageMaker and Lambda do it, in the user's subnets alone"
_SCALES = "Application Auto Scaling asks it of whoever has a scaling begun or ended"
BEYOND: Mapping[tuple[str, str], str] = {
    ("ReadOnlyPolicy", "cloudformation:Describe*"): _LOOKS,
    ("ReadOnlyPolicy", "dynamodb:Describe*"): _LOOKS,
    ("ReadOnlyPolicy", "logs:Describe*"): _LOOKS,
    ("ReadOnlyPolicy", "sagemaker:Describe*"): _LOOKS,
    ("UserPolicy", "sagemaker:InvokeEndpoint*"): (
        "wildcard: other ways to call the same endpoints"
    ),
    ("UserPolicy", "cloudwatch:*Alarms"): _SCALES,
    ("UserPolicy", "cloudwatch:PutMetricAlarm"): _SCALES,
    ("UserPolicy", "sagemaker:UpdateEndpointW*"): _SCALES,
    ("UserPolicy", "dynamodb:UpdateT*"): (
        "wildcard: UpdateTableReplicaAutoScaling, for tables with replicas, which ours have not"
    ),
    ("OperatorPolicy", "dynamodb:*Item"): (
        "wildcard: batches of what may be written and read one by one"
    ),
    ("OperatorPolicy", "lambda:GetFunction*"): (
        "wildcard: settings of the one function, most of which it has not"
    ),
    ("ReaperRole", "cloudwatch:*Alarms"): _SCALES,
    ("ReaperRole", "logs:CreateLogStream"): "Lambda does it: the function's log",
    ("ReaperRole", "logs:PutLogEvents"): "as CreateLogStream",
    ("ReaperRole", "sqs:SendMessage"): "Lambda does it: a call that failed for good",
    ("SageMakerRole", "cloudwatch:PutMetricData"): "SageMaker does it: an endpoint's own metrics",
    ("SageMakerRole", "ecr:BatchCheckLayerAvailability"): _IMAGE,
    ("SageMakerRole", "ecr:BatchGetImage"): _IMAGE,
    ("SageMakerRole", "ecr:GetAuthorizationToken"): _IMAGE,
    ("SageMakerRole", "ecr:GetDownloadUrlForLayer"): _IMAGE,
    ("SageMakerRole", "logs:CreateLog*"): _RUNS,
    ("SageMakerRole", "logs:DescribeLogStreams"): _RUNS,
    ("SageMakerRole", "logs:PutLogEvents"): _RUNS,
    ("SageMakerRole", "s3:GetObject"): _WEIGHTS,
    ("SageMakerRole", "s3:ListBucket"): _WEIGHTS,
    ("SageMakerRole", "kms:CreateGrant"): _KEY,
    ("SageMakerRole", "kms:Decrypt"): _KEY,
    ("SageMakerRole", "kms:DescribeKey"): _KEY,
    ("SageMakerRole", "kms:GenerateDataKey"): _KEY,
    ("VpcPolicy", "ec2:*ssignPrivateIpAddresses"): _VPC,
    ("VpcPolicy", "ec2:CreateNetworkInterface*"): _VPC,
    ("VpcPolicy", "ec2:DeleteNetworkInterface*"): _VPC,
    ("VpcPolicy", "ec2:DescribeDhcpOptions"): _VPC,
    ("VpcPolicy", "ec2:DescribeNetworkInterfaces"): _VPC,
    ("VpcPolicy", "ec2:DescribeSecurityGroups"): _VPC,
    ("VpcPolicy", "ec2:DescribeSubnets"): _VPC,
    ("VpcPolicy", "ec2:DescribeVpcs"): _VPC,
}
"""What is granted and nobody asks for here, by policy and action as it is written, and why.

Behind "wildcard", some of what it stands for is asked for; it is there because each byte of the
template counts. What services of AWS do in a role's name nobody plays here.
"""
UNSEEN = {("SageMakerRole", 0), ("SageMakerRole", 1), ("SageMakerRole", 2), ("VpcPolicy", 0)}
"""Statements of which nobody here asks for anything."""


@pytest.fixture(scope="module")
def held() -> list[Statement]:
    return statements(template())


@pytest.fixture(scope="module")
def calls(dynamodb_url: str, tmp_path_factory: pytest.TempPathFactory) -> set[Call]:
    """What everybody asked for, each at work."""
    recorder = Recorder(os.environ.get(FOLDER, ""))
    with account(dynamodb_url, creating=25.0, deleting=15.0) as aws:
        aws.recorder = recorder
        people = People(aws, tmp_path_factory.mktemp("home"))
        for flow in FLOWS:
            flow(people)
    return recorder.calls


def denied(held: list[Statement], calls: set[Call]) -> list[Call]:
    return sorted(call for verdict in judge(held, calls, MORE).values() for call in verdict.denied)


def test_everybody_may_do_what_they_do(held: list[Statement], calls: set[Call]) -> None:
    assert denied(held, calls) == []
    assert {call.role for call in calls} - {""} == ROLES.keys() - {"sagemaker"}


def test_the_flows_do_not_pass_because_they_are_short(calls: set[Call]) -> None:
    """What each role is for is among its calls."""
    done = {(call.role, call.action.partition(":")[2]) for call in calls}
    assert {
        ("readonly", "GetMetricData"),
        ("readonly", "GetLogEvents"),
        ("readonly", "DescribeStacks"),
        ("user", "CreateEndpoint"),
        ("user", "AddTags"),
        ("user", "PassRole"),
        ("user", "PutScalingPolicy"),
        ("user", "DeregisterScalableTarget"),
        ("user", "InvokeEndpointWithResponseStream"),
        ("user", "ConditionCheckItem"),
        ("user", "BatchWriteItem"),
        ("user", "UpdateContinuousBackups"),
        ("operator", "ExecuteChangeSet"),
        ("operator", "UpdateFunctionCode"),
        ("operator", "InvokeFunction"),
        ("operator", "UpdateItem"),
        ("operator", "DeleteTable"),
        ("reaper", "DeregisterScalableTarget"),
        ("reaper", "DeleteEndpoint"),
        ("reaper", "DeleteModel"),
        ("reaper", "Publish"),
    } <= done


def test_every_statement_is_needed(held: list[Statement], calls: set[Call]) -> None:
    """Without it somebody may not do what they do."""
    before = denied(held, calls)
    unneeded = {
        (each.policy, each.number)
        for each in held
        if denied([x for x in held if x is not each], calls) == before
    }
    assert unneeded == UNSEEN


def test_what_is_granted_beyond_has_a_reason(held: list[Statement], calls: set[Call]) -> None:
    found = beyond(held, calls)
    assert {key: names for key, names in found.items() if key not in BEYOND} == {}
    assert BEYOND.keys() - found.keys() == set()
    assert all(BEYOND.values())


def test_an_action_that_is_not_needed_is_noticed(held: list[Statement], calls: set[Call]) -> None:
    more = held[0]._replace(actions=(*held[0].actions, "sagemaker:UpdateEndpoint"))
    assert ("ReadOnlyPolicy", "sagemaker:UpdateEndpoint") in beyond([more, *held[1:]], calls)


STRANGERS = {
    "a table of another namespace": ("dynamodb:PutItem", "ns-registry", "other-registry"),
    "an endpoint of another namespace": ("sagemaker:DeleteEndpoint", "llm-ns-", "llm-other-"),
    "another role": ("iam:PassRole", "SageMakerRole", "Admin"),
    "another function": ("lambda:UpdateFunctionCode", "-reaper", "-other"),
    "another stack": ("cloudformation:ExecuteChangeSet", "llmanager-ns/", "llmanager-nsx/"),
    "another account's log": ("logs:GetLogEvents", "Endpoints/llm-ns-", "Endpoints/other-"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_nobody_may_do_it_to(name: str, held: list[Statement], calls: set[Call]) -> None:
    action, ours, theirs = STRANGERS[name]
    asked = {
        call for call in calls if call.action == action and call.role and ours in call.resource
    }
    assert asked
    assert denied(held, asked) == []
    foreign = {call._replace(resource=call.resource.replace(ours, theirs)) for call in asked}
    assert set(denied(held, foreign)) == foreign


@pytest.mark.parametrize(
    "key",
    [
        "aws:ResourceTag/llmanager:namespace",
        "aws:ResourceTag/llmanager",
        "aws:RequestTag/llmanager:namespace",
        "iam:PassedToService",
        "application-autoscaling:service-namespace",
        "dynamodb:LeadingKeys",
    ],
)
def test_what_a_condition_looks_at_decides(
    key: str, held: list[Statement], calls: set[Call]
) -> None:
    """With another value of it, a call that was allowed is denied to somebody."""
    tested = [x for x in held if any(key in keys for keys in x.test.values())]
    assert tested
    changed = {
        call._replace(context=tuple((k, v if k != key else ("",)) for k, v in call.context))
        for call in calls
        if call.role and any(each.allows(call) for each in tested) and key in dict(call.context)
    }
    assert changed
    assert denied(held, changed)
