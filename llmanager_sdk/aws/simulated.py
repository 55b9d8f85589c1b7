"""What a caller may do, as IAM's simulation of its policies says.

An action is asked about on a resource of its own type, with a name and the tag of the namespace:
policies that allow no more than that, such as the stack's, deny the same action on "*".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from llmanager_sdk.aws.account import Account, Identity

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


def of_life(account: Account, name: str) -> Actions:
    """What a life takes whose parts bear this name."""
    where = f"sagemaker:{account.region}:{account.identity().account}"
    return {
        f"{where}:{part}/{name}": [f"sagemaker:{each}" for each in names]
        for part, names in _PARTS.items()
    }


def denied(account: Account, namespace: str, actions: Actions) -> Iterator[str]:
    """Those that the caller may not do.

    Raises:
        ClientError, BotoCoreError: the simulation was refused, or there was no answer.
    """
    who = account.identity()
    context = [
        {
            "ContextKeyName": f"aws:{kind}Tag/llmanager:namespace",
            "ContextKeyValues": [namespace],
            "ContextKeyType": "string",
        }
        for kind in ("Request", "Resource")
    ]
    for where, names in actions.items():
        found = account.client("iam").simulate_principal_policy(
            PolicySourceArn=policy_source(who),
            ActionNames=list(names),
            ResourceArns=[where if where == "*" else f"arn:{who.arn.split(':')[1]}:{where}"],
            ContextEntries=context,
        )["EvaluationResults"]
        yield from (x["EvalActionName"] for x in found if x["EvalDecision"] != "allowed")


def policy_source(who: Identity) -> str:
    """What policies are attached to: the role behind a session, else who asks.

    The ARN of a session lacks the path of its role; where the role has one, IAM does not find it.
    """
    head, found, tail = who.arn.partition(":assumed-role/")
    if not found:
        return who.arn
    return f"{head.replace(':sts:', ':iam:')}:role/{tail.rsplit('/', 1)[0]}"
