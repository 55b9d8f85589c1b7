"""What `local` and `aws` are: where the faces get their parts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from llmanager_sdk.core.keeper import Keeper
    from llmanager_sdk.core.life import Life
    from llmanager_sdk.ports.history import HistoryStore
    from llmanager_sdk.ports.models import ChatModel, EmbeddingModel, Encoder, Endpoint
    from llmanager_sdk.ports.vectors import Dataset
    from llmanager_sdk.settings import Settings


class Platform(Protocol):
    """One platform under one set of settings. Making one does no I/O."""

    name: str
    settings: Settings
    keeper: Keeper
    encodes_here: bool
    """Texts are encoded in the caller's process (`encoder`), not by an endpoint (`embedder`)."""

    def chat(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> ChatModel:
        """What a chat model's name stands for here. May read the disk, and set weights up.

        Raises:
            UnknownModel, ConfigurationError: it cannot be had; the message lists what can.
        """

    def endpoint(self, life: Life) -> Endpoint:
        """Where a ready life answers.

        Raises:
            NotRunning: it left no address; it is going, or gone.
        """

    def encoder(self, model: str | None, options: Mapping[str, Any]) -> Encoder:
        """The encoder of that name, loaded on its first use."""

    def embedder(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> EmbeddingModel:
        """What an embedding model's name stands for, where an endpoint serves it."""

    def dataset(self, name: str) -> Dataset:
        """The dataset of a vector store."""

    def history(self) -> HistoryStore:
        """All chat sessions of this namespace."""
