"""The emulated account: a stack's Lambda runs there from its inline code, on its schedule."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.clocks import Fast
from tests.aws.emulated import deploy, emulated_account, invoke, lines
from tests.servers import dynamodb

pytestmark = [
    pytest.mark.xdist_group("emulated"),
    pytest.mark.skipif(bool(dynamodb.missing()), reason="DynamoDB Local cannot run here"),
]
TEMPLATE = """
Parameters:
  Word: {Type: String}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - {Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: trial
      Runtime: python3.13
      Handler: index.handler
      Timeout: 60
      Role: !GetAtt Role.Arn
      Environment: {Variables: {WORD: !Ref Word}}
      Code:
        ZipFile: |
          import os, sys, time, boto3
          def handler(event, context):
              names = [x["EndpointName"]
                       for x in boto3.client("sagemaker").list_endpoints()["Endpoints"]]
              item = {"pk": {"S": "%s-%d" % (event.get("from"), time.time() // 300)}}
              boto3.client("dynamodb").put_item(TableName="trial", Item=item)
              print(os.environ["WORD"], event, names)
              return {"names": names, "now": time.time(), "sdk": "llmanager_sdk" in sys.modules}
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: rate(5 minutes)
      FlexibleTimeWindow: {Mode: "OFF"}
      Target: {Arn: !GetAtt Function.Arn, RoleArn: !GetAtt Role.Arn, Input: '{"from": "schedule"}'}
Outputs:
  Arn: {Value: !GetAtt Function.Arn}
"""


@pytest.fixture(scope="module")
def clock() -> Fast:
    return Fast()


@pytest.fixture(scope="module")
def aws(clock: Fast) -> Iterator[FakeAws]:
    with emulated_account(clock=clock, lambdas="") as made:
        session = made.session()
        session.client("dynamodb").create_table(
            TableName="trial",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        outputs = deploy(session, "trial", TEMPLATE, Word="one")
        assert outputs["Arn"].endswith(":123456789012:function:trial")
        yield made


def test_the_deployed_code_sees_both_sides_and_keeps_the_same_time(
    aws: FakeAws, clock: Fast
) -> None:
    session = aws.session()
    with endpoint(aws, "llm-trial"):
        before = clock.time()
        told = invoke(session, "trial", {"from": "test"})
        assert told["names"] == ["llm-trial"]
    assert before <= told["now"] <= clock.time()
    assert told["sdk"] is False
    assert any(word.startswith("test-") for word in written(session))
    assert any(line.startswith("one {'from': 'test'}") for line in lines(session, "trial"))


def test_its_schedule_fires(aws: FakeAws) -> None:
    pause = threading.Event()
    for _ in range(1200):
        if sum(word.startswith("schedule-") for word in written(aws.session())) > 1:
            return
        pause.wait(0.1)
    pytest.fail(f"rate(5 minutes) did not fire twice within two minutes: {written(aws.session())}")


def test_a_changed_stack_changes_the_function(aws: FakeAws) -> None:
    session = aws.session()
    deploy(session, "trial", TEMPLATE, Word="two")
    invoke(session, "trial", {"from": "changed"})
    assert any(line.startswith("two {'from': 'changed'}") for line in lines(session, "trial"))


def test_calls_to_any_emulator_are_named_and_can_fail(aws: FakeAws) -> None:
    session = aws.session()
    aws.faults.clear()
    actions = [
        ("cloudformation", "DescribeStacks", lambda it: it.describe_stacks()),
        ("lambda", "GetFunction", lambda it: it.get_function(FunctionName="trial")),
        ("scheduler", "ListSchedules", lambda it: it.list_schedules()),
        ("sqs", "ListQueues", lambda it: it.list_queues()),
        ("iam", "ListRoles", lambda it: it.list_roles()),
        ("dynamodb", "ListTables", lambda it: it.list_tables()),
    ]
    for service, operation, call in actions:
        client = session.client(service)
        assert call(client)["ResponseMetadata"]["HTTPStatusCode"] == 200
        aws.faults.add(Fault(f"{service}:{operation}", "denied"))
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            call(client)
    names = {f"{service}:{operation}" for service, operation, _ in actions}
    assert names <= set(aws.faults.calls)
    assert len(aws.faults.struck) == len(actions)
    aws.faults.clear()


@contextmanager
def endpoint(aws: FakeAws, name: str) -> Iterator[None]:
    call = aws.sagemaker.call
    image = {"Image": "x"}
    role = "arn:aws:iam::123456789012:role/x"
    call("CreateModel", {"ModelName": name, "PrimaryContainer": image, "ExecutionRoleArn": role})
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InstanceType": "ml.g5.xlarge",
        "InitialInstanceCount": 1,
    }
    call("CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [variant]})
    aws.clock.sleep(aws.rules.visible)
    call("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name})
    yield
    aws.clock.sleep(aws.rules.creating)
    call("DeleteEndpoint", {"EndpointName": name})


def written(session: Any) -> list[str]:
    items = session.client("dynamodb").scan(TableName="trial")["Items"]
    return [item["pk"]["S"] for item in items]
