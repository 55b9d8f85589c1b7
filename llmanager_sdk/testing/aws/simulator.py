"""IAM's simulation of a caller's policies, as far as a question about actions goes."""

from __future__ import annotations

import re
from typing import Any

from llmanager_sdk.testing.aws.rules import AwsError, Rules

_ENTITY = re.compile(r"arn:[\w-]+:iam::\d{12}:(user|group|role)(/(?:.+/)?)([^/]+)")


def simulate(rules: Rules, request: dict[str, Any]) -> dict[str, Any]:
    """SimulatePrincipalPolicy.

    Raises:
        AwsError: whose policies are meant is not clear, or there is no such role.
    """
    _check_source(rules, request["PolicySourceArn"])
    given = {each["ContextKeyName"] for each in request.get("ContextEntries", ())}
    lacking = sorted(rules.conditions - given)
    results = [_result(rules, action, request, lacking) for action in request["ActionNames"]]
    return {"EvaluationResults": results, "IsTruncated": False}


def _check_source(rules: Rules, arn: str) -> None:
    entity = _ENTITY.fullmatch(arn)
    if entity is None:
        # Fact: the account's root user and federated users have no policies to simulate.
        text = f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        raise AwsError("InvalidInput", text)
    kind, path, name = entity.groups()
    if kind == "role" and path != rules.paths.get(name, "/"):
        # Fact: a role is looked up by its whole ARN, with its path.
        raise AwsError("NoSuchEntity", f"The role with name {name} cannot be found.", 404)


def _result(
    rules: Rules, action: str, request: dict[str, Any], lacking: list[str]
) -> dict[str, Any]:
    """Fact: what a condition lacks is told of each resource, and of the whole only for "*"."""
    verdict = "implicitDeny" if lacking or action in rules.denied else "allowed"
    where = request.get("ResourceArns") or ["*"]
    told: dict[str, Any] = {"EvalActionName": action, "EvalDecision": verdict}
    if where == ["*"]:
        return told | {"MissingContextValues": lacking}
    parts = [
        {
            "EvalResourceName": each,
            "EvalResourceDecision": verdict,
            "MissingContextValues": lacking,
        }
        for each in where
    ]
    return told | {"ResourceSpecificResults": parts}
