"""An account, a person, and the two who work on stacks; as a command puts them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.deploy.down import Destroyer, Ended
from llmanager_sdk.deploy.gateway import CloudFormation
from llmanager_sdk.deploy.operations import Operations
from llmanager_sdk.deploy.stacks import Options
from llmanager_sdk.deploy.survey import Choice
from llmanager_sdk.deploy.templates import Name
from llmanager_sdk.deploy.up import Deployer, Outcome
from llmanager_sdk.testing.aws import FakeAws
from llmanager_sdk.testing.aws.stacks import Stack
from tests.aws.flows import Scene

CORE = """\
Parameters:
  Namespace: {Type: String, Default: main}
  Cap: {Type: Number, Default: 5, MinValue: 0}
  Version: {Type: String, Default: 0.0.0}
  TopicArn: {Type: String, Default: ""}
Conditions:
  HasTopic: !Not [!Equals [!Ref TopicArn, ""]]
Resources:
  Role: {Type: "AWS::IAM::Role", Properties: {RoleName: !Sub "llmanager-${Namespace}-sagemaker"}}
  Reaper:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: !Sub "llmanager-${Namespace}-reaper"
      Description: !Sub "${Version}, ${Cap} $/h"
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Code: {ZipFile: "def handler(event, context): pass"}
  Extra:
    Type: AWS::SQS::Queue
    Condition: HasTopic
    Properties:
      QueueName: !Sub "llmanager-${Namespace}-extra"
      Tags: [{Key: topic, Value: !Ref TopicArn}]
Outputs:
  Namespace: {Value: !Ref Namespace}
  Cap: {Value: !Ref Cap}
  Version: {Value: !Ref Version}
  SageMakerRoleArn: {Value: !GetAtt Role.Arn}
"""
ALARMS = """\
Parameters:
  Namespace: {Type: String}
  TopicArn: {Type: String, AllowedPattern: "arn:.+"}
Resources:
  Silent:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub "llmanager-${Namespace}-silent"
      AlarmActions: [!Ref TopicArn]
      Namespace: llmanager
      MetricName: Swept
      Statistic: Sum
      Period: 900
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: LessThanThreshold
"""
TOPIC = "arn:aws:sns:us-east-1:123456789012:tell-me"


def small(name: Name) -> str:
    """Templates that are like the real ones, and small."""
    return CORE if name == "template" else ALARMS


class Person:
    """Reads what is said, and answers from a list; after that, yes."""

    def __init__(self, answers: Sequence[bool] = ()) -> None:
        self.lines: list[str] = []
        self.asked: list[str] = []
        self._answers = list(answers)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def ask(self, question: str) -> bool:
        self.asked.append(question)
        return self._answers.pop(0) if self._answers else True

    def confirm(self, lossy: bool) -> bool:
        return self.ask("lossy" if lossy else "harmless")

    @property
    def heard(self) -> str:
        return "\n".join(self.lines)


class Stage:
    """One namespace of an account, and whoever works on its stacks."""

    def __init__(self, aws: FakeAws, home: Path, templates: Callable[[Name], str] = small) -> None:
        self.aws = aws
        self.scene = Scene(aws, home)
        self.templates = templates

    @property
    def namespace(self) -> str:
        return self.scene.namespace

    @property
    def name(self) -> str:
        return f"llmanager-{self.namespace}"

    def platform(self, session: Any = None) -> AwsPlatform:
        """Another process, with nothing configured but the namespace."""
        return self.scene.process(session, role="", cap=None)

    def _operations(self, platform: AwsPlatform, person: Person) -> Operations:
        gateway = CloudFormation(platform.account.client("cloudformation"))
        return Operations(gateway, self.aws.clock, person.say)

    def deployer(self, person: Person, version: str = "1.0.0", session: Any = None) -> Deployer:
        operations = self._operations(self.platform(session), person)
        return Deployer(
            operations,
            self.aws.clock,
            self.namespace,
            person.say,
            person.ask,
            version,
            self.templates,
        )

    def deploy(self, person: Person | None = None, *, session: Any = None, **how: Any) -> Outcome:
        version = how.pop("version", "1.0.0")
        return self.deployer(person or Person(), version, session).deploy(Options(**how))

    def destroy(self, person: Person | None = None, *, session: Any = None, **how: Any) -> Ended:
        person, platform = person or Person(), self.platform(session)
        operations = self._operations(platform, person)
        return Destroyer(platform, operations, person.say, person.confirm).destroy(Choice(**how))

    def stack(self, name: str = "") -> Stack | None:
        """A stack as it really is; None if there is none."""
        self.aws.cloudformation.advance()
        return self.aws.cloudformation.stacks.get(name or self.name)

    def tables(self) -> list[str]:
        """The tables of the namespace."""
        client = self.aws.session().client("dynamodb")
        pages = client.get_paginator("list_tables").paginate()
        names = [name for page in pages for name in page["TableNames"]]
        return [name for name in names if name.startswith(f"{self.name}-")]
