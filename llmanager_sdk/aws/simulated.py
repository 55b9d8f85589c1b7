"""What a caller may do, as IAM's simulation of its policies says.

An action is asked about on a resource of its own type, with a name and the tag of the namespace:
policies that allow no more than that, such as the stack's, deny the same action on "*".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from llmanager_sdk.aws.account import Account, Identity
from llmanager_sdk.aws.answers import said, transient
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.errors import CredentialsMissing

Actions = Mapping[str, Sequence[str]]
"""By where: "*", or an ARN from the service on, such as "sagemaker:REGION:ACCOUNT:model/x"."""

_PARTS: Actions = {
    "model": ("CreateModel", "DeleteModel"),
    "endpoint-config": ("CreateEndpointConfig", "DeleteEndpointConfig"),
    "endpoint": (
        "CreateEndpoint",
        "DescribeEndpoint",
        "DeleteEndpoint",
        "InvokeEndpoint",
        "InvokeEndpointWithResponseStream",
    ),
}
ACTIONS = tuple(f"sagemaker:{name}" for names in _PARTS.values() for name in names)
"""Without these a life cannot be brought up, used, and ended."""
SCALING = tuple(
    f"application-autoscaling:{name}"
    for name in ("RegisterScalableTarget", "PutScalingPolicy", "DeregisterScalableTarget")
)
"""Nor without these, where it scales."""


class Verdict(NamedTuple):
    """What a simulation says.

    Attributes:
        denied: actions that the caller may not do.
        open: those that a policy decides by something which only a real call shows.
        keys: what that is, such as `aws:MultiFactorAuthPresent`.
    """

    denied: tuple[str, ...]
    open: tuple[str, ...]
    keys: tuple[str, ...]

    def __str__(self) -> str:
        """What could not be decided; empty if all was."""
        if not self.open:
            return ""
        return f"{', '.join(self.open)}: its policies decide by {', '.join(self.keys)}"


def of_life(account: Account, name: str, *, scales: bool = False) -> Actions:
    """What a life takes whose parts bear this name."""
    tail = f"{account.region}:{account.identity().account}"
    found = {
        f"sagemaker:{tail}:{part}/{name}": [f"sagemaker:{each}" for each in names]
        for part, names in _PARTS.items()
    }
    if scales:
        found[f"application-autoscaling:{tail}:scalable-target/{name}"] = list(SCALING)
    return found


def simulate(account: Account, namespace: str, actions: Actions) -> Verdict:
    """What the caller may do of these.

    Raises:
        ClientError, BotoCoreError: the simulation was refused, or there was no answer.
    """
    who = account.identity()
    context = {
        "aws:RequestTag/llmanager:namespace": namespace,
        "aws:ResourceTag/llmanager:namespace": namespace,
        "aws:RequestedRegion": account.region,
        "application-autoscaling:service-namespace": "sagemaker",
    }
    found: list[Mapping[str, Any]] = []
    for where, names in actions.items():
        found += account.client("iam").simulate_principal_policy(
            PolicySourceArn=policy_source(who),
            ActionNames=list(names),
            ResourceArns=[where if where == "*" else f"arn:{who.arn.split(':')[1]}:{where}"],
            ContextEntries=[
                {"ContextKeyName": k, "ContextKeyValues": [v], "ContextKeyType": "string"}
                for k, v in context.items()
            ],
        )["EvaluationResults"]
    return _verdict(found)


def _verdict(results: Iterable[Mapping[str, Any]]) -> Verdict:
    """A denial for want of a condition's key means nothing: the real call has it."""
    denials = [each for each in results if each["EvalDecision"] != "allowed"]
    lacking = {each["EvalActionName"]: _lacking(each) for each in denials}
    return Verdict(
        tuple(name for name, keys in lacking.items() if not keys),
        tuple(name for name, keys in lacking.items() if keys),
        tuple(sorted({key for keys in lacking.values() for key in keys})),
    )


def _lacking(result: Mapping[str, Any]) -> set[str]:
    """Keys of conditions that were not given; IAM tells them of the whole, or of each resource."""
    parts = [result, *result.get("ResourceSpecificResults", ())]
    return {key for part in parts for key in part.get("MissingContextValues", ())}


def policy_source(who: Identity) -> str:
    """What policies are attached to: the role behind a session, else who asks.

    The ARN of a session lacks the path of its role; where the role has one, as those of IAM
    Identity Center do, IAM does not find it (docs/facts.md).
    """
    head, found, tail = who.arn.partition(":assumed-role/")
    if not found:
        return who.arn
    return f"{head.replace(':sts:', ':iam:')}:role/{tail.rsplit('/', 1)[0]}"


def unanswered(error: Exception, action: str) -> str:
    """Why a question was not answered. It refuses nothing: a create call that is not allowed will.

    Raises:
        CredentialsMissing: AWS does not know who asks.
    """
    typed = translate(error, step=action)
    if isinstance(typed, CredentialsMissing):
        raise typed from error
    it = said(error)
    if it.code.startswith(("AccessDenied", "Unauthorized")):
        return f"{action} is not allowed"
    if transient(error):
        return "no answer"
    return f"{action}: {it.code}: {it.message}"
