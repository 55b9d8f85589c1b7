"""A small IAM: whether statements of a template's policies allow what somebody asked.

It knows what the templates use, and refuses to judge anything else. A policy here only allows; what
no statement allows is denied.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from llmanager_sdk.testing.aws.recorder import NAMESPACE, Call
from llmanager_sdk.testing.aws.template import Rendered, render
from tests.infra.rules import expand, listed

REGION = "us-east-1"
ROLES: Mapping[str, tuple[str, ...]] = {
    "readonly": ("ReadOnlyPolicy",),
    "user": ("ReadOnlyPolicy", "UserPolicy"),
    "operator": ("ReadOnlyPolicy", "UserPolicy", "OperatorPolicy"),
    "reaper": ("ReadOnlyPolicy", "ReaperRole", "VpcPolicy"),
    "sagemaker": ("SageMakerRole", "VpcPolicy"),
}
"""What is attached to whom; all others are the account's owner, who is not judged."""
OPTIONS = {
    "TopicArn": f"arn:aws:sns:{REGION}:123456789012:x",
    "KmsKeyArn": f"arn:aws:kms:{REGION}:123456789012:key/k",
    "SubnetIds": "subnet-1,subnet-2",
    "SecurityGroupIds": "sg-1",
}
"""With all of them every statement is there."""


class Statement(NamedTuple):
    """One statement.

    Attributes:
        policy: the logical name of what holds it.
        number: among those of its policy.
        test: by operator, by key, the values of its condition.
    """

    policy: str
    number: int
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    test: Mapping[str, Mapping[str, Any]]

    def allows(self, call: Call) -> bool:
        """Whether it allows this."""
        return (
            any(_like(each, call.action, re.I) for each in self.actions)
            and any(_arn_like(each, call.resource) for each in self.resources)
            and self.holds(dict(call.context))
        )

    def holds(self, context: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether its condition is met."""
        return all(
            _met(operator, listed(wanted), context.get(key))
            for operator, keys in self.test.items()
            for key, wanted in keys.items()
        )


def statements(text: str, **parameters: str) -> list[Statement]:
    """Of all policies in a template, for the namespace that recorded calls are about."""
    given = {"Namespace": NAMESPACE, **OPTIONS, **parameters}
    return list(_statements(render(text, given, f"llmanager-{NAMESPACE}", REGION)))


def _statements(rendered: Rendered) -> Iterator[Statement]:
    for logical, it in rendered.resources.items():
        if it.kind not in ("AWS::IAM::ManagedPolicy", "AWS::IAM::Role"):
            continue
        held = it.properties
        documents = [each["PolicyDocument"] for each in held.get("Policies", [])]
        documents += [held["PolicyDocument"]] if "PolicyDocument" in held else []
        found = [each for document in documents for each in document["Statement"]]
        for number, each in enumerate(found):
            if each.keys() - {"Effect", "Action", "Resource", "Condition"}:
                raise NotImplementedError(f"{logical}: {sorted(each)}")
            if each["Effect"] != "Allow":
                raise NotImplementedError(f"{logical}: {each['Effect']}")
            actions, resources = listed(each["Action"]), map(_any_name, listed(each["Resource"]))
            test = each.get("Condition", {})
            yield Statement(logical, number, tuple(actions), tuple(resources), test)


def _any_name(arn: str) -> str:
    """CloudFormation draws the end of a role's name."""
    return re.sub(r"(:role/.+)-[0-9A-F]{12}$", r"\1-*", arn)


def allowing(held: Iterable[Statement], call: Call) -> list[Statement]:
    """The statements that allow this to its role."""
    attached = ROLES[call.role]
    return [each for each in held if each.policy in attached and each.allows(call)]


# -- matching --------------------------------------------------------------------------------------


@cache
def _pattern(text: str, flags: int) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."), flags | re.S)


def _like(pattern: str, value: str, flags: int = 0) -> bool:
    return bool(_pattern(pattern, flags).fullmatch(value))


def _arn_like(pattern: str, value: str) -> bool:
    """Part by part: a wildcard does not reach beyond a colon but in the last of the six parts."""
    if pattern == "*":
        return True
    parts, values = pattern.split(":", 5), value.split(":", 5)
    return len(parts) == len(values) and all(map(_like, parts, values))


Test = Callable[[str, str], bool]
TESTS: Mapping[str, Test] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
}
"""Of one wanted value and one that is there."""


def _met(operator: str, wanted: list[str], there: tuple[str, ...] | None) -> bool:
    """One key of a condition: any of the wanted values will do."""
    if operator == "Null":
        return wanted == [str(not there).lower()]
    many, _, name = operator.rpartition(":")
    bare = name.removesuffix("IfExists")
    if bare not in TESTS or many not in ("", "ForAllValues", "ForAnyValue"):
        raise NotImplementedError(operator)
    if not there:
        # Fact of IAM: of no value at all, all are as they should be.
        return bare != name or many == "ForAllValues"
    verdicts = [any(TESTS[bare](each, value) for each in wanted) for value in there]
    if many == "ForAnyValue":
        return any(verdicts)
    if not many and len(verdicts) > 1:
        raise NotImplementedError(f"{operator} of many values")
    return all(verdicts)


# -- judging ---------------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """What became of one role's calls.

    Attributes:
        own: allowed by a statement that users write themselves.
    """

    allowed: set[Call]
    own: set[Call]
    denied: set[Call]


def judge(
    held: Iterable[Statement], calls: Iterable[Call], own: Iterable[tuple[str, str]] = ()
) -> dict[str, Verdict]:
    """By role.

    Args:
        own: patterns of actions and of resources, of statements that users write themselves.
    """
    held = list(held)
    verdicts = {role: Verdict(set(), set(), set()) for role in ROLES}
    for call in calls:
        if call.role not in ROLES:
            continue
        verdict = verdicts[call.role]
        if allowing(held, call):
            verdict.allowed.add(call)
        elif any(
            _like(action, call.action) and _arn_like(where, call.resource) for action, where in own
        ):
            verdict.own.add(call)
        else:
            verdict.denied.add(call)
    return verdicts


def beyond(held: Iterable[Statement], calls: Iterable[Call]) -> dict[tuple[str, str], list[str]]:
    """What is granted and was never asked for: by policy and action, as they are written.

    Behind an action with wildcards stands what else it grants, by botocore's operations.
    """
    held, unused = list(held), {}
    used = {
        (each.policy, each.number, call.action)
        for call in calls
        if call.role in ROLES
        for each in allowing(held, call)
    }
    for each in held:
        for action in each.actions:
            names = [x for x in expand(action) if (each.policy, each.number, x) not in used]
            if names:
                unused[each.policy, action] = names
    return unused
