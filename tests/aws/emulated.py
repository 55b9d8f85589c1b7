"""One account of three emulators, behind one address: every call can be counted, and can fail.

`FakeAws` plays SageMaker and what belongs to it, and passes on what it does not play: tables to a
real DynamoDB Local; stacks, functions, schedules, queues, topics, roles and logs to ministack.
Lambdas that run there are sent back to the same address by their environment.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.testing.aws import Engine, FakeAws, Rules
from tests.aws.clocks import Fast
from tests.servers.dynamodb import dynamodb_local
from tests.servers.ministack import ministack


@contextmanager
def emulated_account(
    engine: Engine | None = None,
    *,
    rules: Rules | None = None,
    clock: Clock = SYSTEM,
    lambdas: str = "reaper",
) -> Iterator[FakeAws]:
    """The account.

    Args:
        clock: with a `Fast` one, schedules and Lambdas keep that time too.
        lambdas: the role of all Lambdas, for the recorder.
    """
    with ExitStack() as stack:
        tables = stack.enter_context(dynamodb_local())
        aws = stack.enter_context(FakeAws(engine, dynamodb=tables, rules=rules, clock=clock))
        aws.lambdas = lambdas
        fast = clock.environ() if isinstance(clock, Fast) else {}
        aws.rest = stack.enter_context(ministack({"AWS_ENDPOINT_URL": aws.url, **fast}))
        yield aws


def deploy(session: Any, stack: str, template: str, **parameters: str) -> dict[str, str]:
    """Create or change a stack through a change set, as a person would; its outputs."""
    cloud = session.client("cloudformation")
    kind = "UPDATE" if _exists(cloud, stack) else "CREATE"
    named = [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
    how = {"StackName": stack, "ChangeSetName": f"{stack}-{kind.lower()}"}
    cloud.create_change_set(
        **how,
        ChangeSetType=kind,
        TemplateBody=template,
        Parameters=named,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    quick = {"Delay": 1, "MaxAttempts": 60}
    cloud.get_waiter("change_set_create_complete").wait(**how, WaiterConfig=quick)
    cloud.execute_change_set(**how)
    cloud.get_waiter(f"stack_{kind.lower()}_complete").wait(StackName=stack, WaiterConfig=quick)
    [told] = cloud.describe_stacks(StackName=stack)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in told.get("Outputs", [])}


def _exists(cloud: Any, stack: str) -> bool:
    try:
        cloud.describe_stacks(StackName=stack)
    except cloud.exceptions.ClientError:
        return False
    return True


def invoke(session: Any, function: str, event: Any = None) -> Any:
    """Run a function now; what it returned."""
    body = json.dumps(event or {}).encode()
    told = session.client("lambda").invoke(FunctionName=function, Payload=body)
    answer = json.loads(told["Payload"].read() or b"null")
    assert "FunctionError" not in told, answer
    return answer


def lines(session: Any, function: str) -> list[str]:
    """What a function wrote into its log, oldest first."""
    logs = session.client("logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
    found = [event for page in pages for event in page["events"]]
    return [event["message"] for event in sorted(found, key=lambda event: event["timestamp"])]
