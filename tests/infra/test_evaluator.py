"""The small IAM: what it says about single statements, by IAM's own rules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmanager_sdk.testing.aws import FakeAws, Fault
from llmanager_sdk.testing.aws.recorder import Call, Recorder, alike, read, role_of
from tests.infra.evaluator import Statement, allowing, beyond, judge, statements

ROLE = {"ExecutionRoleArn": "arn:aws:iam::123456789012:role/x"}
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/llmanager-ns-registry"


def statement(
    action: str = "dynamodb:PutItem", resource: str = "*", **test: dict[str, Any]
) -> Statement:
    return Statement("UserPolicy", 0, (action,), (resource,), test)


def call(action: str = "dynamodb:PutItem", resource: str = TABLE, **context: Any) -> Call:
    return Call("user", action, resource, tuple(context.items()))


@pytest.mark.parametrize(
    ("pattern", "action", "yes"),
    [
        ("dynamodb:PutItem", "dynamodb:PutItem", True),
        ("dynamodb:putitem", "dynamodb:PutItem", True),
        ("dynamodb:*Item", "dynamodb:PutItem", True),
        ("dynamodb:Put?tem", "dynamodb:PutItem", True),
        ("dynamodb:Put", "dynamodb:PutItem", False),
        ("dynamodb:[PQ]utItem", "dynamodb:PutItem", False),
        ("sagemaker:*", "dynamodb:PutItem", False),
        ("*", "dynamodb:PutItem", True),
    ],
)
def test_actions(pattern: str, action: str, yes: bool) -> None:
    assert statement(pattern).allows(call(action)) is yes


@pytest.mark.parametrize(
    ("pattern", "yes"),
    [
        ("*", True),
        (TABLE, True),
        ("arn:*:dynamodb:us-east-1:*:table/llmanager-ns-*", True),
        ("arn:*:dynamodb:eu-west-1:*:table/llmanager-ns-*", False),
        ("arn:*:dynamodb:us-east-1:*:table/llmanager-ns", False),
        ("arn:*:table/llmanager-ns-*", False),
        ("arn:aws:*", False),
    ],
)
def test_resources(pattern: str, yes: bool) -> None:
    assert statement(resource=pattern).allows(call()) is yes


@pytest.mark.parametrize(
    ("operator", "wanted", "there", "yes"),
    [
        ("StringEquals", "a", ("a",), True),
        ("StringEquals", "a", ("b",), False),
        ("StringEquals", ["b", "a"], ("a",), True),
        ("StringEquals", "a*", ("ab",), False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", ("b",), False),
        ("StringLike", "a*", ("ab",), True),
        ("StringLike", "?*", ("",), False),
        ("StringLikeIfExists", "a*", ("b",), False),
        ("ArnLike", "arn:*:ec2:*:*:subnet/a", ("arn:aws:ec2:x:1:subnet/a",), True),
        ("ArnLikeIfExists", "arn:*:ec2:*:*:subnet/a", ("arn:aws:ec2:x:1:subnet/b",), False),
        ("ArnEquals", "arn:aws:ec2:x:1:subnet/a", ("arn:aws:ec2:x:1:subnet/a",), True),
        ("ForAllValues:StringEquals", "a", ("a", "a"), True),
        ("ForAllValues:StringEquals", "a", ("a", "b"), False),
        ("ForAllValues:StringEquals", "a", None, True),
        ("ForAnyValue:StringEquals", "a", ("a", "b"), True),
        ("ForAnyValue:StringEquals", "a", None, False),
        ("Null", "true", None, True),
        ("Null", "false", None, False),
        ("Null", "false", ("a",), True),
    ],
)
def test_conditions(operator: str, wanted: Any, there: tuple[str, ...] | None, yes: bool) -> None:
    context = {} if there is None else {"key": there}
    asked = call(**context)
    assert statement(**{operator: {"key": wanted}}).allows(asked) is yes


def test_all_conditions_have_to_be_met() -> None:
    made = statement(StringEquals={"a": "1", "b": "2"}, StringLike={"c": "?*"})
    assert made.allows(call(a=("1",), b=("2",), c=("3",)))
    assert not made.allows(call(a=("1",), b=("3",), c=("3",)))
    assert not made.allows(call(a=("1",), b=("2",)))


@pytest.mark.parametrize("operator", ["NumericLessThan", "StringNotEquals", "Some:StringEquals"])
def test_what_it_does_not_know_it_does_not_judge(operator: str) -> None:
    with pytest.raises(NotImplementedError):
        statement(**{operator: {"key": "1"}}).allows(call(key=("1",)))


def test_many_values_of_a_plain_operator_are_not_judged() -> None:
    with pytest.raises(NotImplementedError):
        statement(StringEquals={"key": "a"}).allows(call(key=("a", "b")))


POLICY = """
Parameters:
  Namespace: {Type: String}
  TopicArn: {Type: String, Default: ""}
  KmsKeyArn: {Type: String, Default: ""}
  SubnetIds: {Type: CommaDelimitedList, Default: ""}
  SecurityGroupIds: {Type: CommaDelimitedList, Default: ""}
Conditions:
  HasTopic: !Not [!Equals [!Ref TopicArn, ""]]
Resources:
  Role: {Type: "AWS::IAM::Role", Properties: {}}
  UserPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
        - {Effect: %s, Action: iam:PassRole, Resource: !GetAtt Role.Arn}
        - Effect: Allow
          Action: [sns:Publish, sqs:SendMessage]
          Resource:
          - !If [HasTopic, !Ref TopicArn, !Ref AWS::NoValue]
          - !Sub arn:*:sqs:${AWS::Region}:*:${Namespace}
"""


def test_functions_of_the_template_are_carried_out() -> None:
    first, second = statements(POLICY % "Allow", TopicArn="arn:aws:sns:us-east-1:1:t")
    assert first.resources == ("arn:aws:iam::123456789012:role/llmanager-ns-Role-*",)
    assert second.resources == ("arn:aws:sns:us-east-1:1:t", "arn:*:sqs:us-east-1:*:ns")
    assert statements(POLICY % "Allow", TopicArn="")[1].resources == ("arn:*:sqs:us-east-1:*:ns",)


def test_a_denial_is_not_judged() -> None:
    with pytest.raises(NotImplementedError, match="Deny"):
        statements(POLICY % "Deny")


def test_a_role_has_what_is_attached_to_it() -> None:
    mine = statement()
    theirs = mine._replace(policy="OperatorPolicy")
    assert allowing([mine, theirs], call()) == [mine]
    assert allowing([theirs], call()) == []
    assert allowing([theirs], call()._replace(role="operator")) == [theirs]


def test_verdicts_and_what_is_granted_beyond() -> None:
    made, other = statement(), call("dynamodb:Scan")
    calls = {call(), other, call()._replace(role="")}
    verdict = judge([made], calls)["user"]
    assert (verdict.allowed, verdict.own, verdict.denied) == ({call()}, set(), {other})
    verdict = judge([made], calls, {("dynamodb:S*", TABLE)})["user"]
    assert (verdict.own, verdict.denied) == ({other}, set())
    assert beyond([made], calls) == {}
    wide = made._replace(actions=("dynamodb:*Items", "dynamodb:Put*"))
    assert list(beyond([wide], calls)) == [
        ("UserPolicy", "dynamodb:*Items"),
        ("UserPolicy", "dynamodb:Put*"),
    ]


# -- the recorder's forms --------------------------------------------------------------------------


def test_the_same_question_of_two_namespaces_is_one() -> None:
    def ask(space: str, name: str) -> Call:
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/llm-{space}-{name}"
        tags = {"llmanager:namespace": space, "llmanager:life": name}
        borne = {f"aws:ResourceTag/{key}": (value,) for key, value in tags.items()}
        return alike(Call("user", "sagemaker:DeleteEndpoint", arn, tuple(borne.items())))

    assert ask("ta1", "tiny-1-aa") == ask("tb2", "big-2-bb")
    assert dict(ask("ta1", "x").context)["aws:ResourceTag/llmanager:namespace"] == ("ns",)


def test_tags_of_another_namespace_stay_what_they_are() -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/llm-ta1-x"
    key = "aws:ResourceTag/llmanager:namespace"
    made = alike(Call("user", "sagemaker:DeleteEndpoint", arn, ((key, ("tb2",)),)))
    assert made.context == ((key, ("tb2",)),)


@pytest.mark.parametrize(
    ("value", "kept"),
    [("ta1", "ns"), ("ta1#reaper", "ns#reaper"), ("tb2", "tbx"), ("S#ta1#x", "S#x")],
)
def test_partitions(value: str, kept: str) -> None:
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/llmanager-ta1-registry"
    made = alike(Call("user", "dynamodb:PutItem", arn, (("dynamodb:LeadingKeys", (value,)),)))
    assert made.resource.endswith("table/llmanager-ns-registry")
    assert dict(made.context) == {"dynamodb:LeadingKeys": (kept,)}


def test_who_signed() -> None:
    signed = "AWS4-HMAC-SHA256 Credential={}/20261127/us-east-1/sagemaker/aws4_request, Signed"
    assert role_of(signed.format("fakeuser")) == "user"
    assert role_of(signed.format("fake")) == role_of("") == role_of("Bearer x") == ""
    assert role_of(signed.format("123456789012"), "reaper") == "reaper"


def test_a_call_that_is_sent_again_is_one() -> None:
    """After a lost answer its resource may be gone, and its tags with it."""
    with FakeAws() as aws:
        aws.recorder = Recorder()
        client = aws.session("user").client("sagemaker")
        tags = [{"Key": "llmanager:namespace", "Value": "ta1"}]
        aws.sagemaker.call("CreateModel", {"ModelName": "llm-ta1-x", **ROLE, "Tags": tags})
        aws.faults.add(Fault("sagemaker:DeleteModel", "lost after"))
        with pytest.raises(client.exceptions.ClientError, match="Could not find"):
            client.delete_model(ModelName="llm-ta1-x")
    [noted] = aws.recorder.calls
    assert (noted.role, noted.action) == ("user", "sagemaker:DeleteModel")
    assert dict(noted.context) == {"aws:ResourceTag/llmanager:namespace": ("ns",)}


def test_what_a_call_asks_for_beside_itself() -> None:
    with FakeAws() as aws:
        aws.recorder = Recorder()
        tags = [{"Key": "llmanager:namespace", "Value": "ta1"}]
        aws.session("user").client("sagemaker").create_model(
            ModelName="llm-ta1-x", PrimaryContainer={"Image": "x"}, Tags=tags, **ROLE
        )
    asked = {noted.action: dict(noted.context) for noted in aws.recorder.calls}
    given = {"aws:RequestTag/llmanager:namespace": ("ns",)}
    assert asked == {
        "sagemaker:CreateModel": given,
        "sagemaker:AddTags": given,
        "iam:PassRole": {"iam:PassedToService": ("sagemaker.amazonaws.com",)},
    }


def test_a_transaction_asks_for_its_parts() -> None:
    key = {"pk": {"S": "ta1#reaper"}, "sk": {"S": "x"}}
    where = {"TableName": "llmanager-ta1-registry"}
    put = {"Put": {**where, "Item": {"pk": {"S": "ta1"}, "sk": {"S": "x"}}}}
    check = {"ConditionCheck": {**where, "Key": key, "ConditionExpression": "a"}}
    with FakeAws() as aws:
        aws.recorder = Recorder()
        client = aws.session("user").client("dynamodb")
        with pytest.raises(client.exceptions.ClientError):  # there is no DynamoDB here
            client.transact_write_items(TransactItems=[put, check])
    asked = {noted.action: dict(noted.context) for noted in aws.recorder.calls}
    assert asked == {
        "dynamodb:PutItem": {"dynamodb:LeadingKeys": ("ns",)},
        "dynamodb:ConditionCheckItem": {"dynamodb:LeadingKeys": ("ns#reaper",)},
    }


def test_what_is_recorded_can_be_read(tmp_path: Any) -> None:
    one, other = Recorder(str(tmp_path)), Recorder(str(tmp_path))
    for recorder in (one, one, other):
        recorder._add(call(a=("1", "2")))
    other._add(call("dynamodb:Scan"))
    assert read(tmp_path) == {call(a=("1", "2")), call("dynamodb:Scan")}
    lines = [line for path in tmp_path.iterdir() for line in path.read_text().splitlines()]
    assert len(lines) == 3
    assert all(json.loads(line) for line in lines)
