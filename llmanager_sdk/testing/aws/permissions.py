"""What IAM is asked about a call: which action, on which resource, with which keys for conditions.

As AWS's service authorization reference has it: creating with tags takes `AddTags`, giving a role
takes `PassRole`, an endpoint is created on its configuration too, a transaction asks for its parts.
Of tags a condition sees those in the request, and those that the resource has just now: what is not
there has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from llmanager_sdk.testing.aws.rules import ACCOUNT

if TYPE_CHECKING:
    from llmanager_sdk.testing.aws.server import FakeAws

Context = dict[str, tuple[str, ...]]
SERVICES = {"service-quotas": "servicequotas", "sagemaker-runtime": "sagemaker"}
"""What IAM calls a service, where boto3 calls it otherwise."""
ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction"}
FREE = ("sts:GetCallerIdentity",)
"""What takes no permission."""
NAMES = {"EndpointName": "endpoint", "EndpointConfigName": "endpoint-config", "ModelName": "model"}
PARTS = {
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
"""Of transactions."""
CHANGES = {"Add": "Create", "Remove": "Delete", "Modify": "Update"}
FUNCTION = ("GetFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration")
"""What CloudFormation does with a function that changes."""


class Ask(NamedTuple):
    """One question to IAM."""

    action: str
    resource: str
    context: Context


def asks(aws: FakeAws, service: str, operation: str, request: Mapping[str, Any]) -> Iterator[Ask]:
    """All questions that one call makes, in the name of its caller.

    Args:
        service: as boto3 calls it.
    """
    name = SERVICES.get(service, service)
    action = ACTIONS.get(f"{name}:{operation}", f"{name}:{operation}")
    region = aws.sagemaker.region
    if action in FREE:
        return
    if action == "sagemaker:CallWithBearerToken":  # which stands for the call that it opens
        yield Ask(action, "*", {})
        action = "sagemaker:InvokeEndpoint"
    if name == "sagemaker":
        yield from _sagemaker(aws, action, request)
    elif name == "dynamodb":
        yield from _dynamodb(aws, operation, request)
    else:
        yield Ask(action, _resource(name, region, request), _keys(name, request))
    if action == "cloudformation:ExecuteChangeSet":
        yield from _executed(aws, request)


# -- SageMaker -------------------------------------------------------------------------------------


def _sagemaker(aws: FakeAws, action: str, request: Mapping[str, Any]) -> Iterator[Ask]:
    head, given = f"arn:aws:sagemaker:{aws.sagemaker.region}", _given(request)
    resources = [f"{head}:{ACCOUNT}:{NAMES[x]}/{request[x]}" for x in NAMES if x in request]
    if "ResourceArn" in request:
        resources.append(str(request["ResourceArn"]))
    if "HubContentName" in request:
        where = f"{request['HubName']}/{request['HubContentType']}/{request['HubContentName']}"
        resources.append(f"{head}:aws:hub-content/{where}")
    for resource in resources or ["*"]:
        yield Ask(action, resource, given | _borne(_tags(aws, resource)))
    if given and not action.endswith(":AddTags"):
        yield Ask("sagemaker:AddTags", resources[0], given)
    if role := request.get("ExecutionRoleArn"):
        yield Ask("iam:PassRole", str(role), {"iam:PassedToService": ("sagemaker.amazonaws.com",)})


def _given(request: Mapping[str, Any]) -> Context:
    """The tags of a request."""
    tags = request.get("Tags") or ()
    return {f"aws:RequestTag/{each['Key']}": (str(each["Value"]),) for each in tags}


def _borne(tags: Mapping[str, str]) -> Context:
    return {f"aws:ResourceTag/{key}": (value,) for key, value in tags.items()}


def _tags(aws: FakeAws, arn: str) -> Mapping[str, str]:
    """Of a part of an endpoint, or of a table, whose ARN has the region of whoever plays it."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind == "table":
        known = list(aws.table_tags.items())
        return next((tags for each, tags in known if each.endswith(f":table/{name}")), {})
    it = aws.sagemaker
    things = {"endpoint": it.endpoints, "endpoint-config": it.configs, "model": it.models}
    thing = things.get(kind, {}).get(name)
    return thing.tags if thing else {}


# -- DynamoDB --------------------------------------------------------------------------------------


def _dynamodb(aws: FakeAws, operation: str, request: Mapping[str, Any]) -> Iterator[Ask]:
    def ask(action: str, name: str, pks: Iterator[str]) -> Ask:
        arn = f"arn:aws:dynamodb:{aws.sagemaker.region}:{ACCOUNT}:table/{name}"
        keys: Context = {"dynamodb:LeadingKeys": found} if (found := tuple(sorted(pks))) else {}
        return Ask(f"dynamodb:{action}", arn, keys | _given(request) | _borne(_tags(aws, arn)))

    if operation in ("BatchGetItem", "BatchWriteItem"):
        for table, wanted in request["RequestItems"].items():
            yield ask(operation, table, _partitions(wanted))
    elif operation in ("TransactGetItems", "TransactWriteItems"):
        for each in request["TransactItems"]:
            ((part, it),) = each.items()
            yield ask(PARTS[part], it["TableName"], _partitions(it))
    elif name := request.get("TableName") or str(request.get("ResourceArn", "")).rpartition("/")[2]:
        yield ask(operation, name, _partitions(request))
    else:
        yield Ask(f"dynamodb:{operation}", "*", {})


def _partitions(value: Any) -> Iterator[str]:
    """The values of `pk`, wherever a request has its keys."""
    if isinstance(value, list):
        for each in value:
            yield from _partitions(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name in ("pk", ":pk") and isinstance(each, dict) and "S" in each:
                yield str(each["S"])
            elif name not in ("ExclusiveStartKey", "AttributeDefinitions", "KeySchema"):
                yield from _partitions(each)


# -- all others ------------------------------------------------------------------------------------


def _resource(service: str, region: str, request: Mapping[str, Any]) -> str:
    """By what a request names; "*" where the service knows no resource for it."""
    for name in ("PolicySourceArn", "TopicArn", "RoleArn"):
        if name in request:
            return str(request[name])
    head = f"arn:aws:{service}:{region}:{ACCOUNT}"
    match service:
        case "cloudformation" if name := str(request.get("StackName", "")):
            return name if name.startswith("arn:") else f"{head}:stack/{name}/*"
        case "logs" if name := str(request.get("logGroupName", "")):
            return f"{head}:log-group:{name}:log-stream:{request.get('logStreamName', '')}"
        case "logs":  # whatever prefix is asked for: many report it
            return f"{head}:log-group::log-stream:"
        case "application-autoscaling":
            return f"{head}:scalable-target/*"
        case "lambda" if name := str(request.get("FunctionName", "")):
            return name if name.startswith("arn:") else f"{head}:function:{name}"
        case "iam" if name := str(request.get("RoleName", "")):
            return f"arn:aws:iam::{ACCOUNT}:role/{name}"
    return "*"


def _keys(service: str, request: Mapping[str, Any]) -> Context:
    if service != "application-autoscaling":
        return {}
    names = {"service-namespace": "ServiceNamespace", "scalable-dimension": "ScalableDimension"}
    return {f"{service}:{key}": (str(request[x]),) for key, x in names.items() if x in request}


def _executed(aws: FakeAws, request: Mapping[str, Any]) -> Iterator[Ask]:
    """What CloudFormation is going to do in the caller's name, where this account plays it.

    The names of these actions are made of the resources' types: near enough to see that somebody
    needs more than the right to carry a change set out.
    """
    known = {key: x for x in list(aws.cloudformation.stacks.values()) for key in (x.name, x.id)}
    stack = known.get(request["StackName"])
    made = stack.change_sets.get(request["ChangeSetName"]) if stack else None
    for each in made.changes if made else ():
        _, service, kind = each.kind.split("::")
        modified = (kind, each.action) == ("Function", "Modify")
        names = FUNCTION if modified else [f"{CHANGES[each.action]}{kind}"]
        head = f"arn:aws:{service.lower()}:{aws.sagemaker.region}:{ACCOUNT}"
        for name in names:
            arn = f"{head}:{kind.lower()}:{each.physical or '*'}"
            yield Ask(f"{service.lower()}:{name}", arn, {})
