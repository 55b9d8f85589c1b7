"""The policy of docs/aws.md, held against what is really called in an account."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmanager_sdk import ChatHistory, ManagedEmbeddings, ManagedLLM
from llmanager_sdk.aws.in_use import in_use
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.prices import Prices
from llmanager_sdk.look import look
from llmanager_sdk.ports.history import Stored
from llmanager_sdk.testing.aws import Canned, FakeAws, Fault
from llmanager_sdk.testing.aws.faults import Faults, What
from tests.aws.flows import Scene, reap
from tests.aws.test_faces import both

ROOT = Path(__file__).resolve().parent.parent.parent
SERVICES = {"sagemaker-runtime": "sagemaker", "service-quotas": "servicequotas"}
"""What IAM calls a service, where boto3 calls it otherwise."""
PARTS = {
    "dynamodb:TransactGetItems": ("dynamodb:GetItem",),
    "dynamodb:TransactWriteItems": (
        "dynamodb:ConditionCheckItem",
        "dynamodb:DeleteItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    ),
}
"""Calls that are allowed by the actions of their parts."""
FREE = {"sts:GetCallerIdentity"}
UNSEEN = {
    "iam:PassRole",
    "sagemaker:AddTags",
    "sagemaker:UpdateEndpointWeightsAndCapacities",
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricAlarm",
}
"""What AWS asks for beside a call: to give a role, to create with tags, to scale."""


def allowed() -> set[str]:
    """The actions of the policy."""
    [text] = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "aws.md").read_text(), re.S)
    found: set[str] = set()
    for statement in json.loads(text)["Statement"]:
        assert statement["Effect"] == "Allow"
        actions = statement["Action"]
        found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def needed(action: str) -> set[str]:
    """The actions that IAM asks for when one is called."""
    service, _, operation = action.partition(":")
    name = f"{SERVICES.get(service, service)}:{operation}"
    return set(PARTS.get(name, (name,))) - FREE


class Policed(Faults):
    """Denies what no policy allows."""

    def __init__(self, actions: set[str]) -> None:
        super().__init__()
        self.actions = actions

    def draw(self, action: str) -> What | None:
        what = super().draw(action)
        return what if needed(action) <= self.actions else "denied"


def days(aws: FakeAws, home: Path) -> Iterator[tuple[str, Any]]:
    """What people do with a namespace, from the first look to the last sweep: (what, what came)."""
    aws.engine = Canned(both)
    scene = Scene(aws, home)
    platform = scene.process()
    _half_made(aws, f"llmanager-{scene.namespace}-history")
    try:
        yield "who uses it", in_use(platform).lives
        platform.beats.beat("watch@here")
        yield from _models(platform, aws)
        yield from _histories(platform)
        elsewhere = Prices(scene.process(region="eu-west-1").account)
        yield "a price of another region", elsewhere.dearest(["ml.g5.xlarge"])
        yield "ls", [cost.status.phase for cost in look(platform).costs()]
        platform.keeper.forget()
        aws.clock.sleep(7200.0)
        yield "sweeps until nothing was left", scene.settle()
        reap(platform)
        platform.beats.end("watch@here")
    finally:
        scene.close()


def _half_made(aws: FakeAws, table: str) -> None:
    """As by somebody who was killed over it."""
    aws.session().client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )


def _models(platform: AwsPlatform, aws: FakeAws) -> Iterator[tuple[str, Any]]:
    told: Any = {"platform": platform, "progress": "off"}
    # Its answer is lost, so that it is asked whose the model of that name is.
    aws.faults.add(Fault("sagemaker:CreateModel", "lost after", times=9))
    llm = ManagedLLM("qwen3-0.6b", aws={"max_instances": 2}, idle_timeout="20m", **told)
    yield "invoke", llm.invoke("hi").text
    yield "stream", "".join(chunk.text for chunk in llm.stream("hi"))
    embeddings = ManagedEmbeddings("minilm", idle_timeout="20m", **told)
    yield "embeddings", len(embeddings.embed_documents(["a", "b"]))
    llm.resource.logs()
    llm.resource.pin("1h")
    llm.resource.pin(0)
    yield "stop", embeddings.resource.stop(force=True).phase


def _histories(platform: AwsPlatform) -> Iterator[tuple[str, Any]]:
    history = ChatHistory("s", platform=platform, ttl="1d")
    history.add_user_message("hello")
    store = platform.history()
    store.append("s", [Stored(f"m{n}", '"' + "x" * 60_000 + '"') for n in range(70)], None)
    yield "history", len(store.read("s")) + len(store.last("s", 2)) + len(store.sessions())
    history.clear()
    yield "cleared", len(store.read("s"))
