"""What makes a store's vectors: any LangChain embeddings, told apart by what they make."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmanager_sdk.errors import ConfigurationError, InvalidVector
from llmanager_sdk.ports.identity import PROBE, check_identity, guessed, identity_with

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings


class Vectorizer:
    """Embeddings, as a store uses them.

    Args:
        embeddings: gives them; called at the first use.
        store: the name of the store, for errors.
    """

    def __init__(self, embeddings: Callable[[], Embeddings], store: str) -> None:
        self._embeddings = embeddings
        self._store = store
        self._identity: Mapping[str, Any] | None = None
        self._approved: Mapping[str, Any] | None = None

    def embed(self, texts: Sequence[str]) -> Any:
        """A vector for each text, in order: an array where the embeddings can give one.

        Raises:
            InvalidVector: there is not one for each.
        """
        array = getattr(self._embeddings(), "embed_array", None)
        make = array if callable(array) else self._embeddings().embed_documents
        return self._checked(make(list(texts)), texts)

    async def aembed(self, texts: Sequence[str]) -> Any:
        """`embed`, for asyncio."""
        array = getattr(self._embeddings(), "aembed_array", None)
        make = array if callable(array) else self._embeddings().aembed_documents
        return self._checked(await make(list(texts)), texts)

    def _checked(self, vectors: Any, texts: Sequence[str]) -> Any:
        if len(vectors) != len(texts) or any(len(vector) == 0 for vector in vectors):
            first = len(vectors[0]) if len(vectors) else 0
            raise InvalidVector(
                f"{len(texts)} texts got {len(vectors)} vectors, the first of {first} dimensions",
                resource=self._store,
                step="embed",
                hint="look at the embedding model: each text needs a vector",
            )
        return vectors

    def question(self, text: str) -> Any:
        """The vector of a question."""
        return self._embeddings().embed_query(text)

    async def aquestion(self, text: str) -> Any:
        """`question`, for asyncio."""
        return await self._embeddings().aembed_query(text)

    def identity(self) -> Mapping[str, Any]:
        """Which model it is: what it says of itself, and its vector of a known text.

        The first call embeds that text.
        """
        if self._identity is None:
            probe = self.embed([PROBE])[0]
            self._identity = identity_with(self._said(), len(probe), probe)
        return self._identity

    async def aidentity(self) -> Mapping[str, Any]:
        """`identity`, for asyncio."""
        if self._identity is None:
            probe = (await self.aembed([PROBE]))[0]
            said = await asyncio.to_thread(self._said)
            self._identity = identity_with(said, len(probe), probe)
        return self._identity

    def _said(self) -> Mapping[str, Any]:
        embeddings = self._embeddings()
        say = getattr(embeddings, "identity", None)
        if callable(say):
            said: Mapping[str, Any] = say()
            return said
        name = getattr(embeddings, "model", None) or getattr(embeddings, "model_name", None)
        return guessed(type(embeddings).__name__, name)

    def approve(self, kept: Mapping[str, Any] | None) -> None:
        """Compare this model with the one that made a store's vectors; once for each store.

        Raises:
            EmbeddingMismatch: it is another one.
        """
        if kept is not None and kept is not self._approved:
            check_identity(kept, self.identity(), self._store)
            self._approved = kept


def check_embeddings(embeddings: Embeddings | None) -> Embeddings | None:
    """Embeddings as a user gives them.

    Raises:
        ConfigurationError: they cannot embed, such as a model's name.
    """
    if embeddings is None:
        return None
    if isinstance(embeddings, type) or not callable(getattr(embeddings, "embed_documents", None)):
        raise ConfigurationError(
            f"embedding={embeddings!r:.100} is no embedding model",
            hint="give LangChain embeddings: ManagedEmbeddings('minilm') for a name",
        )
    return embeddings
