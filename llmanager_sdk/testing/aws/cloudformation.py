"""CloudFormation's control plane, as far as stacks and change sets go.

Nothing is really created: a stack is what its template says, with the states, the events and the
refusals that AWS has for it. `stacks` holds what happens, `template` reads the templates.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from llmanager_sdk.core.ports import Clock
from llmanager_sdk.testing.aws.rules import ACCOUNT, AwsError, Rules
from llmanager_sdk.testing.aws.stacks import ChangeSet, Stack, deleted, differences, executed
from llmanager_sdk.testing.aws.template import Rendered, invalid, render

PAGE = 10
"""Of events, changes and change sets: smaller than AWS's, so that everybody has to turn pages."""
MOST = 51_200
"""Bytes of a template that is sent in the request (fact)."""
UNCHANGED = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)
"""Fact: the StatusReason of a change set that failed for want of changes."""
_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


class CloudFormation:
    """One account's stacks in one region.

    Args:
        rules: how long things take, and what goes wrong with resources.

    Attributes:
        stacks: by name; those that are deleted are in `deleted`, by id.
        made: how many stacks ever came into being.
    """

    def __init__(self, rules: Rules, region: str, clock: Clock) -> None:
        self.rules = rules
        self.region = region
        self.clock = clock
        self.stacks: dict[str, Stack] = {}
        self.deleted: dict[str, Stack] = {}
        self.made = 0
        self._lock = threading.RLock()

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Carry one operation out.

        Raises:
            AwsError: as AWS would refuse.
        """
        known = getattr(self, f"_{operation}", None)
        if known is None:
            raise AwsError("UnknownOperationException", f"{operation} is not played here", 400)
        with self._lock:
            self.advance()
            answer: dict[str, Any] = known(request)
            return answer

    def advance(self) -> None:
        """Let happen what is due."""
        with self._lock:
            for stack in list(self.stacks.values()):
                stack.advance(self.clock.time())

    # -- change sets ---------------------------------------------------------------------------

    def _CreateChangeSet(self, request: Any) -> dict[str, Any]:
        name, kind, now = request["StackName"], request["ChangeSetType"], self.clock.time()
        if len(request["TemplateBody"].encode()) > MOST:
            raise invalid(f"'templateBody' must have length less than or equal to {MOST}")
        given = {x["ParameterKey"]: x["ParameterValue"] for x in request.get("Parameters", [])}
        rendered = render(request["TemplateBody"], given, name, self.region)
        self._capable(request, rendered)
        stack = self._for_change_set(name, kind)
        if request["ChangeSetName"] in stack.change_sets:
            text = f"ChangeSet {request['ChangeSetName']} cannot be created due to a duplicate name"
            raise AwsError("AlreadyExistsException", text)
        made = ChangeSet(
            request["ChangeSetName"],
            f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:changeSet/"
            f"{request['ChangeSetName']}/{int(now)}",
            request,
            now,
            rendered,
            differences(stack, rendered),
        )
        # Fact: a change of outputs or tags alone is a change set without changes; it can be
        # carried out.
        tags = {each["Key"]: each["Value"] for each in request.get("Tags", [])}
        same = (dict(rendered.outputs), tags) == (stack.outputs, stack.tags)
        if kind == "UPDATE" and same and not made.changes:
            made.failure = UNCHANGED
        stack.change_sets[made.name] = made
        return {"Id": made.id, "StackId": stack.id}

    def _for_change_set(self, name: str, kind: str) -> Stack:
        stack = self.stacks.get(name)
        if kind == "CREATE":
            if stack is None:
                self.made += 1
                arn = f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:stack/{name}/{self.made:08x}"
                stack = self.stacks[name] = Stack(name, arn, self.clock.time())
                stack.happen(self.clock.time(), "", "REVIEW_IN_PROGRESS", "User Initiated")
            elif stack.status != "REVIEW_IN_PROGRESS":
                text = f"Stack [{name}] already exists and cannot be created again"
                raise AwsError("AlreadyExistsException", text)
            return stack
        if stack is None:
            raise invalid(f"Stack [{name}] does not exist")
        if stack.status not in _UPDATABLE:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        return stack

    def _capable(self, request: Any, rendered: Rendered) -> None:
        """Fact: roles and policies need a word of the caller's."""
        iam = [x for x in rendered.resources.values() if x.kind.startswith("AWS::IAM::")]
        if iam and "CAPABILITY_NAMED_IAM" not in request.get("Capabilities", []):
            text = "Requires capabilities : [CAPABILITY_NAMED_IAM]"
            raise AwsError("InsufficientCapabilitiesException", text)

    def _change_set(self, request: Any) -> tuple[Stack, ChangeSet]:
        stack = self._stack(request["StackName"])
        made = stack.change_sets.get(request["ChangeSetName"])
        # Eventual consistency: what was accepted a moment ago is not seen everywhere.
        if made is None or self.clock.time() < made.created + self.rules.stack_lag:
            text = f"ChangeSet [{request['ChangeSetName']}] does not exist"
            raise AwsError("ChangeSetNotFound", text, 404)
        return stack, made

    def _state(self, made: ChangeSet) -> tuple[str, str]:
        ready = made.created + self.rules.stack_lag + self.rules.change_set
        if self.clock.time() < ready:
            return "CREATE_IN_PROGRESS", "UNAVAILABLE"
        if made.failure:
            return "FAILED", "UNAVAILABLE"
        return "CREATE_COMPLETE", made.execution or "AVAILABLE"

    def _DescribeChangeSet(self, request: Any) -> dict[str, Any]:
        stack, made = self._change_set(request)
        status, execution = self._state(made)
        changes = [] if status != "CREATE_COMPLETE" else made.changes
        page, more = _page(request, changes)
        return {
            "ChangeSetName": made.name,
            "ChangeSetId": made.id,
            "StackId": stack.id,
            "StackName": stack.name,
            "CreationTime": _date(made.created),
            "Status": status,
            "ExecutionStatus": execution,
            **({"StatusReason": made.failure} if status == "FAILED" else {}),
            "Changes": [
                {
                    "Type": "Resource",
                    "ResourceChange": {
                        "Action": each.action,
                        "LogicalResourceId": each.logical,
                        "ResourceType": each.kind,
                        **({"PhysicalResourceId": each.physical} if each.physical else {}),
                        **({"Replacement": each.replacement} if each.replacement else {}),
                    },
                }
                for each in page
            ],
            **more,
        }

    def _ListChangeSets(self, request: Any) -> dict[str, Any]:
        stack = self._stack(request["StackName"])
        page, more = _page(request, list(stack.change_sets.values()))
        summaries = [
            {"ChangeSetName": x.name, "ChangeSetId": x.id, "Status": self._state(x)[0]}
            for x in page
        ]
        return {"Summaries": summaries, **more}

    def _DeleteChangeSet(self, request: Any) -> dict[str, Any]:
        stack = self._stack(request["StackName"])
        made = stack.change_sets.get(request["ChangeSetName"])
        busy = [each for each in (self._state(made) if made else ()) if "IN_PROGRESS" in each]
        if busy:
            text = f"ChangeSet [{request['ChangeSetName']}] cannot be deleted in status {busy}"
            raise AwsError("InvalidChangeSetStatus", text)
        stack.change_sets.pop(request["ChangeSetName"], None)
        return {}

    def _ExecuteChangeSet(self, request: Any) -> dict[str, Any]:
        stack, made = self._change_set(request)
        status, execution = self._state(made)
        if stack.due:
            raise invalid(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        if execution != "AVAILABLE":
            text = f"ChangeSet [{made.id}] cannot be executed in its current status of [{status}]"
            raise AwsError("InvalidChangeSetStatus", text)
        made.execution = "EXECUTE_IN_PROGRESS"
        # Fact: all others go; they were made for the stack as it was.
        stack.change_sets = {made.name: made}
        stack.due = executed(stack, made, self.rules, self.clock.time())
        return {}

    # -- stacks --------------------------------------------------------------------------------

    def _stack(self, name: str) -> Stack:
        if name.startswith("arn:"):
            found = {x.id: x for x in self.stacks.values()} | self.deleted
            if name in found:
                return found[name]
        elif name in self.stacks:
            return self.stacks[name]
        # Fact: how a missing stack is reported.
        raise invalid(f"Stack with id {name} does not exist")

    def _DescribeStacks(self, request: Any) -> dict[str, Any]:
        it = self._stack(request["StackName"])
        return {
            "Stacks": [
                {
                    "StackId": it.id,
                    "StackName": it.name,
                    "CreationTime": _date(it.created),
                    "StackStatus": it.status,
                    "StackStatusReason": it.reason,
                    "EnableTerminationProtection": it.protected,
                    "Parameters": _pairs(it.parameters, "ParameterKey", "ParameterValue"),
                    "Outputs": _pairs(it.outputs, "OutputKey", "OutputValue"),
                    "Tags": _pairs(it.tags, "Key", "Value"),
                }
            ]
        }

    def _DescribeStackEvents(self, request: Any) -> dict[str, Any]:
        stack = self._stack(request["StackName"])
        page, more = _page(request, list(reversed(stack.events)))
        return {
            "StackEvents": [
                {
                    "StackId": stack.id,
                    "EventId": each.id,
                    "StackName": stack.name,
                    "LogicalResourceId": each.logical,
                    "PhysicalResourceId": each.physical,
                    "ResourceType": each.kind,
                    "Timestamp": _date(each.at),
                    "ResourceStatus": each.status,
                    **({"ResourceStatusReason": each.reason} if each.reason else {}),
                }
                for each in page
            ],
            **more,
        }

    def _DeleteStack(self, request: Any) -> dict[str, Any]:
        try:
            stack = self._stack(request["StackName"])
        except AwsError:
            return {}  # fact: that there is none is no error
        if stack.protected:
            text = f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            raise invalid(text)
        if stack.status.startswith("UPDATE_") and stack.status.endswith("_IN_PROGRESS"):
            text = f"Stack [{stack.id}] cannot be deleted while in status {stack.status}"
            raise invalid(text)
        if stack.status not in ("DELETE_IN_PROGRESS", "DELETE_COMPLETE"):
            stack.change_sets.clear()
            stack.due = deleted(stack, self.rules, self.clock.time(), lambda: self._bury(stack))
        return {}

    def _bury(self, stack: Stack) -> None:
        """Fact: a deleted stack is found by its id alone."""
        self.deleted[stack.id] = self.stacks.pop(stack.name)


def _page(request: Any, things: list[Any]) -> tuple[list[Any], dict[str, str]]:
    start = int(request.get("NextToken") or 0)
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(things) else {}
    return things[start : start + PAGE], more


def _pairs(values: Mapping[str, str], key: str, value: str) -> list[dict[str, str]]:
    return [{key: name, value: each} for name, each in values.items()]


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
