"""An AWS account on loopback: SageMaker as its facts say, streams in real frames, real DynamoDB.

    with FakeAws(chat=local_llama(), dynamodb=url) as aws:
        platform = AwsPlatform(settings, session=aws.session())

boto3 talks to it over HTTP, as to AWS. What AWS alone does is on by default: states that take
time and refuse changes while they do, a config that is not visible at once, late metrics. `Rules`
says how; `Faults` adds throttling, denials and lost answers. Each rule names the fact it rests on.
"""

from llmanager_sdk.testing.aws.engines import Canned, Engine, LocalEngine
from llmanager_sdk.testing.aws.faults import Fault, Faults
from llmanager_sdk.testing.aws.rules import Rules
from llmanager_sdk.testing.aws.server import FakeAws

__all__ = ["Canned", "Engine", "FakeAws", "Fault", "Faults", "LocalEngine", "Rules"]
