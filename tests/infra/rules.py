"""The house rules for templates, as functions from a template to what is wrong with it.

A grant is what one statement allows: who, one action with its wildcards resolved to AWS's own
operations, on which resources, under which condition. Every exception is named here, with what
limits it instead; one that is not needed any more is wrong too.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from llmanager_sdk.testing.aws.template import load

__all__ = ["load"]

OURS = "aws:ResourceTag/llmanager"
DELETES = re.compile(r"Delete|Deregister|Remove|Terminate|Purge|BatchWriteItem|:\*$|^\*$")

UNTAGGED: Mapping[str, str] = {
    "dynamodb:DeleteItem": "items bear no tags: the name of the table, to the letter",
    "dynamodb:BatchWriteItem": "as DeleteItem",
    "application-autoscaling:DeregisterScalableTarget": (
        "the SDK's targets bear no tags: targets of SageMaker; it ends scaling, not an endpoint"
    ),
    "cloudwatch:DeleteAlarms": "Application Auto Scaling's, without our tags: the endpoint's name",
    "cloudformation:DeleteChangeSet": "change sets bear no tags: the name of the stack",
    "ec2:DeleteNetworkInterface": "made by the services, without our tags: the subnets given",
    "ec2:DeleteNetworkInterfacePermission": "as DeleteNetworkInterface",
}
"""What deletes and cannot be limited by a tag of ours, and what limits it instead."""

ANYTHING: Mapping[tuple[str, ...], str] = {
    (
        "cloudwatch:GetMetricData",
        "iam:SimulatePrincipalPolicy",
        "pricing:GetProducts",
        "sagemaker:DescribeHubContent",
        "sagemaker:ListEndpoint*",
        "sagemaker:ListModels",
        "servicequotas:ListServiceQuotas",
    ): "they read: lists and metrics know no resources, hub and prices are AWS's, IAM may be asked",
    (
        "cloudwatch:PutMetricData",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
    ): "metrics only into SageMaker's own; images are of AWS's accounts, which differ by region",
    (
        "ec2:*ssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface*",
        "ec2:DeleteNetworkInterface*",
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    ): "only with a VPC; interfaces only in the subnets given, and what looks knows no resources",
}
"""The statements whose resource is "*"."""

WIDE: Mapping[str, str] = {
    "arn:*:application-autoscaling:*:*:scalable-target/*": "its ids say nothing; of SageMaker only",
}
"""Resources that name neither the namespace nor a part of the stack."""


class Grant(NamedTuple):
    """One action that somebody may do."""

    who: str
    action: str
    resources: tuple[Any, ...]
    condition: Mapping[str, Any]


def statements(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements of identity policies, and the logical name of what holds each."""
    for logical, it in template["Resources"].items():
        held = it.get("Properties", {})
        documents = [each["PolicyDocument"] for each in held.get("Policies", [])]
        if it["Type"] == "AWS::IAM::ManagedPolicy":
            documents.append(held["PolicyDocument"])
        for document in documents:
            for each in document["Statement"]:
                # With or without its option: what counts is what may be granted.
                yield logical, with_option(each)


def with_option(value: Any) -> Any:
    """What it is where the option is taken that it hangs on."""
    return value["Fn::If"][1] if isinstance(value, dict) and "Fn::If" in value else value


def grants(template: Mapping[str, Any]) -> Iterator[Grant]:
    """All that the policies allow."""
    for who, each in statements(template):
        assert each["Effect"] == "Allow"
        for pattern in listed(each["Action"]):
            for action in expand(pattern):
                resources = tuple(map(with_option, listed(each["Resource"])))
                yield Grant(who, action, resources, each.get("Condition", {}))


def listed(value: Any) -> list[Any]:
    """One or many, as many."""
    return value if isinstance(value, list) else [value]


CLIENTS = {
    "servicequotas": "service-quotas",
    "application-autoscaling": "application-autoscaling",
}
BESIDE = ("sagemaker-runtime",)


def expand(pattern: str) -> list[str]:
    """The actions that a pattern with wildcards stands for, by botocore's operations."""
    if "*" not in pattern:
        return [pattern]
    service, _, name = pattern.partition(":")
    found = [f"{service}:{each}" for each in operations(service) if fnmatch.fnmatch(each, name)]
    return found or [pattern]


@functools.cache
def operations(service: str) -> tuple[str, ...]:
    """What a service of IAM can be asked for."""
    from botocore.session import Session

    session = Session()
    names = [CLIENTS.get(service, service)]
    names += [each for each in BESIDE if each.startswith(service)]
    return tuple(
        name
        for each in names
        if each in session.get_available_services()
        for name in session.get_service_model(each).operation_names
    )


# -- the rules -----------------------------------------------------------------------------------


def deletes_by_tag(template: Mapping[str, Any]) -> list[str]:
    """Whatever deletes is limited by our tag, or is named in `UNTAGGED` and limited otherwise."""
    wrong, needed = [], set()
    for each in grants(template):
        if not DELETES.search(each.action):
            continue
        if any(key.startswith(OURS) for test in each.condition.values() for key in test):
            continue
        needed.add(each.action)
        named = "*" not in each.resources and not each.action.startswith("*")
        if each.action not in UNTAGGED or not (named or each.condition):
            wrong.append(f"{each.who}: {each.action} on {each.resources}")
    return wrong + [f"{action} needs no exception" for action in UNTAGGED.keys() - needed]


def passes_one_role(template: Mapping[str, Any]) -> list[str]:
    """PassRole: the one role, to the one service, in one statement."""
    found = [x for x in grants(template) if x.action.startswith("iam:") and "Pass" in x.action]
    right = ({"Fn::GetAtt": ["SageMakerRole", "Arn"]},)
    to = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    wrong = [str(x) for x in found if x.resources != right or x.condition != to]
    return wrong if len(found) == 1 else [*wrong, f"{len(found)} grants of PassRole"]


def few_stars(template: Mapping[str, Any]) -> list[str]:
    """No action is "*" or a whole service; only the statements of `ANYTHING` are for "*"."""
    wrong, needed = [], set()
    for who, each in statements(template):
        actions = tuple(listed(each["Action"]))
        wrong += [f"{who}: {action}" for action in actions if re.search(r"(^|:)\*$", action)]
        if "*" not in listed(each["Resource"]):
            continue
        needed.add(actions)
        if actions not in ANYTHING:
            wrong.append(f"{who}: {actions} on *")
    return wrong + [f"no statement for {actions} on *" for actions in ANYTHING.keys() - needed]


def narrow(template: Mapping[str, Any]) -> list[str]:
    """A resource is of the namespace or of the stack, or it is named in `WIDE`."""
    wrong, needed = [], set()
    for who, each in statements(template):
        for resource in listed(each["Resource"]):
            if resource != "*" and (isinstance(resource, str) or _outside(resource)):
                needed.add(str(resource))
                if str(resource) not in WIDE:
                    wrong.append(f"{who}: {resource}")
    return wrong + [f"{resource} needs no exception" for resource in WIDE.keys() - needed]


def _outside(resource: Mapping[str, Any]) -> bool:
    """A text that names neither the namespace nor, for AWS's own weights, the region."""
    text = str(resource.get("Fn::Sub", "${Namespace}"))
    return "${Namespace}" not in text and "jumpstart" not in text


def trusts_services(template: Mapping[str, Any]) -> list[str]:
    """A role is for one service of AWS each; nobody else may take it on."""
    right = {"ReaperRole": "lambda.amazonaws.com", "SageMakerRole": "sagemaker.amazonaws.com"}
    found = {}
    for logical, it in template["Resources"].items():
        if it["Type"] == "AWS::IAM::Role":
            [statement] = it["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert statement["Action"] == "sts:AssumeRole"
            found[logical] = statement["Principal"].get("Service", statement["Principal"])
    return [] if found == right else [str(found)]


def attached_first(template: Mapping[str, Any]) -> list[str]:
    """A role has all its policies before something takes it on: no policy attaches itself later."""
    resources = template["Resources"]
    policies = {x: it for x, it in resources.items() if it["Type"] == "AWS::IAM::ManagedPolicy"}
    wrong = [
        f"{logical}: attaches itself"
        for logical, it in policies.items()
        if it["Properties"].keys() & {"Roles", "Users", "Groups"}
    ]
    due = {"ReaperRole": {"ReadOnlyPolicy", "VpcPolicy"}, "SageMakerRole": {"VpcPolicy"}}
    for role, named in due.items():
        held = resources[role]["Properties"].get("ManagedPolicyArns", [])
        if {with_option(each)["Ref"] for each in held} != named:
            wrong.append(f"{role}: has {held}")
    return wrong


def dead_letters(template: Mapping[str, Any]) -> list[str]:
    """A call that fails for good is kept: of the schedule, and of the function."""
    resources = template["Resources"]
    queue = {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    wrong = []
    for logical, it in resources.items():
        held = it.get("Properties", {})
        if it["Type"] == "AWS::Lambda::Function":
            if held.get("DeadLetterConfig") != {"TargetArn": queue}:
                wrong.append(f"{logical}: no dead letters")
        elif it["Type"] == "AWS::Events::Rule":
            wrong += [
                f"{logical}: no dead letters, or no retries"
                for target in held["Targets"]
                if target.get("DeadLetterConfig") != {"Arn": queue} or "RetryPolicy" not in target
            ]
        elif it["Type"] == "AWS::SQS::Queue" and (
            held.get("MessageRetentionPeriod") != 14 * 24 * 3600
            or not held.get("SqsManagedSseEnabled")
        ):
            wrong.append(f"{logical}: kept for less than 14 days, or not encrypted")
    return wrong


def logs_end(template: Mapping[str, Any]) -> list[str]:
    """The function's log is made here, and kept for 30 days."""
    resources = template["Resources"]
    groups = [x["Properties"] for x in resources.values() if x["Type"] == "AWS::Logs::LogGroup"]
    functions = [x for x in resources.values() if x["Type"] == "AWS::Lambda::Function"]
    named = {group["LogGroupName"]["Fn::Sub"] for group in groups}
    due = {f"/aws/lambda/{it['Properties']['FunctionName']['Fn::Sub']}" for it in functions}
    wrong = [f"kept for {x.get('RetentionInDays')} days" for x in groups]
    return [x for x in wrong if x != "kept for 30 days"] + sorted(due - named)


def no_secrets(template: Mapping[str, Any]) -> list[str]:
    """Nothing that has to be hidden goes in: the function is told its namespace and topic."""
    wrong = [name for name, it in template["Parameters"].items() if it.get("NoEcho")]
    told = {"LLMANAGER_NAMESPACE", "LLMANAGER_TOPIC"}
    for it in template["Resources"].values():
        if it["Type"] == "AWS::Lambda::Function":
            wrong += sorted(it["Properties"]["Environment"]["Variables"].keys() ^ told)
    return wrong


RULES = (
    deletes_by_tag,
    passes_one_role,
    few_stars,
    narrow,
    trusts_services,
    attached_first,
    dead_letters,
    logs_end,
    no_secrets,
)
