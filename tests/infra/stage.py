"""A namespace with the stack deployed in an emulated account, and lives as others left them."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from llmanager_sdk.aws import requests
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.reapable import VARIANT
from llmanager_sdk.aws.reaper import SWITCH, registry_table
from llmanager_sdk.core.life import SCHEMA, Life, Phase, Slot
from llmanager_sdk.registry.typed_dynamodb import DynamoRegistry
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws
from tests.aws import flows
from tests.aws.emulated import deploy, invoke, lines

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = (ROOT / "infra" / "template.yaml").read_text()
ALARMS = (ROOT / "infra" / "alarms.yaml").read_text()
HOUR = 3600.0


class Stage:
    """One deployed stack.

    Args:
        aws: the account.
        table: whether the SDK has made the registry's table already.
        parameters: of the template, beside the namespace.
    """

    def __init__(self, aws: FakeAws, *, table: bool = True, **parameters: str) -> None:
        self.aws = aws
        self.namespace = "t" + secrets.token_hex(3)
        self.session = aws.session()
        self.function = f"llmanager-{self.namespace}-reaper"
        self.table = registry_table(self.namespace)
        self.dynamodb = self.session.client("dynamodb")
        self.sagemaker = self.session.client("sagemaker")
        self.registry = DynamoRegistry(self.table, self.namespace, self.dynamodb, clock=aws.clock)
        if table:
            self.registry.ensure_table()
        self.outputs = self.deploy(**parameters)

    def deploy(self, **parameters: str) -> dict[str, str]:
        """Create or change the stack."""
        stack = f"llmanager-{self.namespace}"
        return deploy(self.session, stack, TEMPLATE, Namespace=self.namespace, **parameters)

    def platform(self, home: Path) -> AwsPlatform:
        """Somebody who uses the SDK in this namespace."""
        settings = Settings(namespace=self.namespace, home=home)
        session, clock = self.aws.session(), self.aws.clock
        return AwsPlatform(settings, session=session, clock=clock, show=lambda plan: None)

    # -- what others left ----------------------------------------------------------------------

    def life(
        self,
        key: str,
        phase: Phase = "ready",
        *,
        until: float = -HOUR,
        parts: str = "model config endpoint",
        probed: bool = True,
        schema: int = SCHEMA,
        **fields: Any,
    ) -> str:
        """A row, and what belongs to it in SageMaker; the name of its parts.

        Args:
            until: when its lease runs out, from now.
            parts: of it that exist.
            probed: whether CloudWatch shows the call of its first hour.
            fields: of the life.
        """
        now = self.aws.clock.time()
        spec = flows.spec(key)
        names = requests.names(self.namespace, spec, 1, secrets.token_hex(4))
        told = {"born_at": now - 5 * HOUR, "ready_at": now - 4 * HOUR, "price": 1.408}
        told |= {"used_until": now + until, "creator": "somebody", **fields}
        life = Life(1, spec, names, phase, **told)
        assert self.registry.swap(Slot(key), Slot(key, schema=schema, next_gen=2, lives=(life,)))
        name = names["endpoint"]
        for part in parts.split():
            self.create(part, name, requests.tags(self.namespace, life))
        if probed:
            self.aws.services.invocations[name].append(life.ready_at)
        return name

    def create(self, part: str, name: str, tags: Any = ()) -> str:
        """One part in SageMaker; without tags it is a stranger's."""
        it = self.sagemaker
        match part:
            case "model":
                image = {"Image": "x"}
                it.create_model(
                    ModelName=name, PrimaryContainer=image, ExecutionRoleArn=flows.ROLE, Tags=tags
                )
            case "config":
                variant = {"VariantName": VARIANT, "ModelName": name, "InitialInstanceCount": 1}
                variant["InstanceType"] = "ml.g5.xlarge"
                it.create_endpoint_config(
                    EndpointConfigName=name, ProductionVariants=[variant], Tags=tags
                )
            case _:
                it.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=tags)
        return name

    def switch(self, off_by: str) -> None:
        """The kill switch."""
        item = {"pk": {"S": f"{self.namespace}#reaper"}, "sk": {"S": SWITCH}}
        self.dynamodb.put_item(TableName=self.table, Item=item | {"off_by": {"S": off_by}})

    # -- what became of it ---------------------------------------------------------------------

    def sweep(self) -> dict[str, float]:
        """Run the Lambda now; its metrics."""
        told = invoke(self.session, self.function)
        return {name: value for name, value in told.items() if isinstance(value, int | float)}

    def phases(self) -> dict[str, str]:
        """Of the life of each key."""
        slots = self.registry.scan("").slots
        return {slot.key: life.phase for slot in slots for life in slot.lives}

    def left(self) -> set[str]:
        """Names of everything in SageMaker, of any namespace, by part."""
        it = self.aws.sagemaker
        it.billed()
        parts = {"model": it.models, "config": it.configs, "endpoint": it.endpoints}
        return {f"{part} {name}" for part, names in parts.items() for name in names}

    def said(self, event: str) -> list[Any]:
        """What the function's log says about one kind of event."""
        return [line["what"] for line in self.told() if line.get("event") == event]

    def told(self) -> list[dict[str, Any]]:
        """Every structured line in the function's log, metrics included."""
        return [json.loads(line) for line in lines(self.session, self.function) if line[:1] == "{"]

    def beat(self) -> dict[str, Any]:
        """The Lambda's heartbeat; empty if there is none."""
        key = {"pk": {"S": f"{self.namespace}#reaper"}, "sk": {"S": "lambda"}}
        found = self.dynamodb.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}
