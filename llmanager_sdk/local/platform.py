"""The platform `local`: real engines on this machine, and everything kept under one folder."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.keeper import Keeper
from llmanager_sdk.core.life import Life
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.local.model_kind import ModelKind
from llmanager_sdk.ports.history import HistoryStore
from llmanager_sdk.ports.models import ChatModel, EmbeddingModel, Encoder, Endpoint
from llmanager_sdk.ports.vectors import Dataset
from llmanager_sdk.registry.sqlite import SqliteRegistry
from llmanager_sdk.settings import Settings


class LocalPlatform:
    """Engines as processes, datasets and histories as files under `settings.home`.

    Args:
        settings: where the home is, and which stand-in serves, if any.
        clock: this process's time.
    """

    name = "local"
    encodes_here = True

    def __init__(self, settings: Settings, clock: Clock = SYSTEM) -> None:
        self.settings = settings
        self.models = ModelKind(settings, clock)
        engine = Engine(
            SqliteRegistry(settings.home / "registry.sqlite", settings.namespace),
            {"model": self.models},
            clock,
            me=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
            token=lambda: secrets.token_hex(4),
        )
        self.keeper = Keeper(engine)

    def chat(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> ChatModel:
        """A GGUF file that llama.cpp serves."""
        from llmanager_sdk.local.chat_models import resolve

        return resolve(model, deployment, _here(options), self.settings)

    def endpoint(self, life: Life) -> Endpoint:
        """The engine's address on loopback, and its key."""
        return self.models.endpoint(life)

    def encoder(self, model: str | None, options: Mapping[str, Any]) -> Encoder:
        """An ONNX encoder in this process."""
        from llmanager_sdk.local.encoder import resolve_encoder
        from llmanager_sdk.local.vector_cache import CachedEncoder

        if options := _here(options):
            raise ConfigurationError(
                f"unknown option for an encoder on local: {', '.join(sorted(options))}",
                hint="leave it out",
            )
        cache = self.settings.home / "cache" / "vectors.sqlite"
        return CachedEncoder(resolve_encoder(model, self.settings), cache)

    def embedder(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> EmbeddingModel:
        """Not here: encoders run in the caller's process."""
        raise ConfigurationError("no endpoint serves embeddings on local", hint="use encoder()")

    def dataset(self, name: str) -> Dataset:
        """A Lance dataset, in a folder of the namespace."""
        from llmanager_sdk.local.lance.opened import open_dataset

        return open_dataset(stores(self.settings), name)

    def history(self) -> HistoryStore:
        """A SQLite file."""
        from llmanager_sdk.local.history import SqliteHistory

        return SqliteHistory(self.settings.home / "history.sqlite", self.settings.namespace)


def stores(settings: Settings) -> Path:
    """The folder of all stores of a namespace."""
    space = settings.namespace
    return settings.home / ("stores" if space == Settings.namespace else f"stores-{space}")


def _here(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without those that only another platform reads."""
    return {name: value for name, value in options.items() if name != "aws"}
