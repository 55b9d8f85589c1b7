"""The only one who talks to CloudFormation. Each call is made once, and its errors are typed.

`operations` waits and judges. What AWS does here was read in botocore's service model and in what
other tools work around; `docs/facts.md` lists it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from llmanager_sdk.aws.answers import INVALID, missing, said
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.deploy.stacks import Change, Event, Found, Wanted

_STATE = re.compile(
    r"is in \w+ state and can ?not be updated|already exists and cannot be created"
    r"|^Stack \[\S+\] does not exist"
)
"""Fact: how a change set is refused whose stack is not any more what it was."""
CAPABILITIES = ["CAPABILITY_NAMED_IAM"]
"""For roles, whether or not a template gives them names of its own."""


@dataclass(frozen=True)
class ChangeSet:
    """A change set as it is.

    Attributes:
        status, execution: as CloudFormation calls them.
    """

    status: str
    execution: str
    reason: str
    changes: tuple[Change, ...]

    @property
    def pending(self) -> bool:
        """It is still being made."""
        return self.status in ("CREATE_PENDING", "CREATE_IN_PROGRESS")

    @property
    def usable(self) -> bool:
        """It can be carried out, or soon; it is neither outdated nor done."""
        return self.pending or (self.status, self.execution) == ("CREATE_COMPLETE", "AVAILABLE")


class CloudFormation:
    """The stacks of one account and region.

    Args:
        client: of boto3, for "cloudformation".
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    # -- stacks --------------------------------------------------------------------------------

    def look(self, name: str) -> Found:
        """A stack as it is now.

        Args:
            name: or its id, by which one that is deleted can still be seen.
        """
        try:
            it = self._client.describe_stacks(StackName=name)["Stacks"][0]
        except Exception as error:
            if missing(error):
                return Found(name)
            raise translate(error, resource=name, step="look at the stack") from error
        return Found(
            name=it["StackName"],
            status=it["StackStatus"],
            reason=it.get("StackStatusReason", ""),
            id=it["StackId"],
            parameters=_pairs(it, "Parameters", "ParameterKey", "ParameterValue"),
            outputs=_pairs(it, "Outputs", "OutputKey", "OutputValue"),
            tags=_pairs(it, "Tags", "Key", "Value"),
            protected=bool(it.get("EnableTerminationProtection")),
        )

    def events(self, stack: str) -> Iterator[Event]:
        """What happened to it, the newest first; page by page, as far as the caller reads."""
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack)
        try:
            for page in pages:
                for it in page["StackEvents"]:
                    yield Event(
                        it["EventId"],
                        it.get("LogicalResourceId", ""),
                        it.get("ResourceType", ""),
                        it.get("ResourceStatus", ""),
                        it.get("ResourceStatusReason", ""),
                    )
        except Exception as error:
            if not missing(error):
                raise translate(error, resource=stack, step="read the events") from error

    def delete(self, stack: Found) -> None:
        """Begin to delete a stack; that it is not there is fine."""
        try:
            self._client.delete_stack(StackName=stack.id)
        except Exception as error:
            if not missing(error):
                raise translate(error, resource=stack.name, step="delete the stack") from error

    # -- change sets ---------------------------------------------------------------------------

    def change_set(self, stack: str, name: str) -> ChangeSet | None:
        """A change set with all its changes; None if there is none of that name."""
        try:
            paginator = self._client.get_paginator("describe_change_set")
            pages = list(paginator.paginate(StackName=stack, ChangeSetName=name))
        except Exception as error:
            if _gone(error):
                return None
            raise translate(error, resource=stack, step="look at the change set") from error
        first = pages[0]
        return ChangeSet(
            first["Status"],
            first.get("ExecutionStatus", ""),
            first.get("StatusReason", ""),
            tuple(change for page in pages for change in _changes(page)),
        )

    def change_sets(self, stack: str) -> list[str]:
        """The names of those that wait; none where there is no stack."""
        pages = self._client.get_paginator("list_change_sets").paginate(StackName=stack)
        try:
            return [it["ChangeSetName"] for page in pages for it in page.get("Summaries", [])]
        except Exception as error:
            if missing(error):
                return []
            raise translate(error, resource=stack, step="list the change sets") from error

    def propose(self, wanted: Wanted, name: str, kind: Literal["CREATE", "UPDATE"]) -> bool:
        """Begin to make a change set; that it is there already is fine: its content is its name.

        Returns:
            Whether that was accepted; else the stack is not any more what it was.
        """
        parameters = [
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in wanted.parameters.items()
        ]
        try:
            self._client.create_change_set(
                StackName=wanted.name,
                ChangeSetName=name,
                ChangeSetType=kind,
                TemplateBody=wanted.template,
                Parameters=parameters,
                Tags=[{"Key": key, "Value": value} for key, value in wanted.tags.items()],
                Capabilities=CAPABILITIES,
            )
        except Exception as error:
            if _moved(error):
                return False
            if said(error).code != "AlreadyExistsException":
                raise translate(error, resource=wanted.name, step="propose") from error
        return True

    def withdraw(self, stack: str, name: str) -> None:
        """Delete a change set; that it is not there is fine."""
        try:
            self._client.delete_change_set(StackName=stack, ChangeSetName=name)
        except Exception as error:
            if not _gone(error):
                raise translate(error, resource=stack, step="withdraw") from error

    def execute(self, stack: Found, name: str) -> bool:
        """Begin to carry a change set out; whether it was accepted now."""
        try:
            self._client.execute_change_set(StackName=stack.name, ChangeSetName=name)
        except Exception as error:
            if said(error).code == "InvalidChangeSetStatus" or _gone(error) or _moved(error):
                return False
            raise translate(error, resource=stack.name, step="carry out") from error
        return True


def _gone(error: Exception) -> bool:
    return said(error).code == "ChangeSetNotFound" or missing(error)


def _moved(error: Exception) -> bool:
    """Something else goes on with the stack."""
    it = said(error)
    return it.code in (*INVALID, "AlreadyExistsException") and bool(_STATE.search(it.message))


def _pairs(it: Mapping[str, Any], field: str, key: str, value: str) -> dict[str, str]:
    return {each[key]: each.get(value, "") for each in it.get(field, [])}


def _changes(page: Mapping[str, Any]) -> Iterator[Change]:
    for each in page.get("Changes", []):
        if it := each.get("ResourceChange"):
            yield Change(
                it["Action"],
                it["LogicalResourceId"],
                it["ResourceType"],
                it.get("Replacement", ""),
            )
