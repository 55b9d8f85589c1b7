"""The platform `aws`: models, histories and the registry in the user's own account."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmanager_sdk.aws.account import Account, Lazy
from llmanager_sdk.aws.data_plane import DataPlane
from llmanager_sdk.aws.endpoint import EndpointKind
from llmanager_sdk.aws.guard import Reapers
from llmanager_sdk.aws.history import DynamoHistory
from llmanager_sdk.aws.models import Models
from llmanager_sdk.aws.plan import Plan, Planner
from llmanager_sdk.aws.prices import Prices
from llmanager_sdk.aws.reaper import registry_table
from llmanager_sdk.aws.registry import SignedRegistry
from llmanager_sdk.aws.stack import ROLE, Stack
from llmanager_sdk.aws.weights import Hub
from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.keeper import Keeper
from llmanager_sdk.core.life import Life
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.ports.history import HistoryStore
from llmanager_sdk.ports.models import ChatModel, EmbeddingModel, Encoder, Endpoint
from llmanager_sdk.ports.vectors import Dataset
from llmanager_sdk.settings import Settings

log = logging.getLogger("llmanager_sdk")


def show_plan(plan: Plan) -> None:
    """Tell a person at a terminal, and the log in any case."""
    if sys.stderr is not None and sys.stderr.isatty():
        print(plan, file=sys.stderr)  # noqa: T201 - a person must see what is going to cost money
    log.info("%s", plan)


class AwsPlatform:
    """Endpoints on SageMaker, histories and registry in DynamoDB. Making one does no I/O.

    Nothing exists, and nothing costs money, before the first use of a face. Then: an endpoint,
    from its creation to its deletion; tables by what is read and written.

    Args:
        settings: namespace, region, role, cap; what `Settings.load` finds by default.
        session: of boto3; else profile and region of the settings, or what AWS's own
            configuration says.
        clock: this process's time.
        show: gets each plan before its creation begins.
        more: single settings, over those: namespace="team", region="eu-west-1", ...

    Raises:
        ConfigurationError: there is no such setting, or a value makes no sense.
    """

    name = "aws"
    encodes_here = False

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        session: Any = None,
        clock: Clock = SYSTEM,
        show: Any = show_plan,
        **more: Any,
    ) -> None:
        try:
            self.settings = replace(settings or Settings.load(), **{**more, "platform": "aws"})
        except TypeError as error:
            raise ConfigurationError(
                f"AwsPlatform cannot be made like this: {error}",
                step="check the arguments",
                hint="see help(AwsPlatform) and help(Settings) for what can be set",
            ) from error
        self.account = Account(
            session,
            profile=self.settings.profile or None,
            region=self.settings.region or None,
            role_arn=self.settings.assume_role or None,
            clock=clock,
        )
        space = self.settings.namespace
        client = self.account.client
        dynamodb = Lazy(lambda: client("dynamodb"))
        table = registry_table(space)
        registry = SignedRegistry(
            table, space, dynamodb, clock=clock, creator=lambda: self.account.identity().arn
        )
        self.beats = Reapers(table, space, dynamodb, clock, registry.ensure_table)
        self.data_plane = DataPlane(self.account)
        hub = Hub(offline=self.settings.offline)
        self._models = Models(
            self.settings, self.account, hub, Prices(self.account), self.data_plane.named
        )
        self.stack = Stack(self.account, space, clock)
        planner = Planner(
            self.account,
            registry,
            self.beats,
            self.stack,
            self.settings.cap,
            show,
            hub.licence,
            self._models.origin,
            clock,
        )
        self.endpoints = EndpointKind(
            space,
            client,
            clock,
            admit=planner.admit,
            secrets=hub.token,
            role=lambda: self.stack.outputs().get(ROLE, ""),
            probe=self.data_plane.probe,
            creator=lambda: self.account.identity().arn,
            named=planner.named,
        )
        engine = Engine(
            registry,
            {"endpoint": self.endpoints},
            clock,
            me=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            token=lambda: secrets.token_hex(4),
        )
        self.keeper = Keeper(engine)
        self._history = DynamoHistory(f"llmanager-{space}-history", space, dynamodb, clock=clock)

    def __repr__(self) -> str:
        return f"AwsPlatform({self.settings.namespace!r})"

    def chat(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> ChatModel:
        """What the catalog says about a name, and the options that were given."""
        return self._models.chat(model, deployment, options)

    def embedder(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> EmbeddingModel:
        """The same for an embedding model."""
        return self._models.embedder(model, deployment, options)

    def endpoint(self, life: Life) -> Endpoint:
        """Where SageMaker's runtime takes calls for it, and how they are signed."""
        return self.data_plane.endpoint(life)

    def encoder(self, model: str | None, options: Mapping[str, Any]) -> Encoder:
        """Not here: an endpoint serves embeddings."""
        raise ConfigurationError("no encoder runs in process on aws", hint="use embedder()")

    def dataset(self, name: str) -> Dataset:
        """Not yet here: the documents of a store are on local disk."""
        raise ConfigurationError(
            "vector stores are not on aws in this version",
            resource=name,
            hint="use ManagedVectorStore(..., platform='local') beside models on aws",
        )

    def history(self) -> HistoryStore:
        """A table."""
        return self._history
