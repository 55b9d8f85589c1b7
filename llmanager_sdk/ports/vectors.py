"""The dataset behind a vector store: documents with metadata and vectors, and ways to find them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from llmanager_sdk.filters import Filter

Mode = Literal["dense", "exact", "text", "hybrid"]
MODES: tuple[Mode, ...] = ("dense", "exact", "text", "hybrid")


@dataclass(frozen=True)
class Row:
    """One document.

    Attributes:
        id: unique in its store.
        metadata: any JSON value under string keys; read back as it was written.
    """

    id: str
    text: str
    metadata: Mapping[str, Any]


class Hit(NamedTuple):
    """A document that was found.

    Attributes:
        score: higher is better: the cosine, in [-1, 1], for "dense" and "exact"; what the engine
            says for "text"; the sum of reciprocal ranks for "hybrid".
    """

    row: Row
    score: float


class Dataset(Protocol):
    """One store. A store that was never written reads as empty, and reading makes nothing."""

    def add(self, rows: Sequence[Row], vectors: Any, identity: Mapping[str, Any]) -> None:
        """Write rows in one commit, over those of the same ids.

        Args:
            vectors: float32 (len(rows), dimension); unit length is not asked for.
            identity: what made the vectors; kept at the first write, compared at the others.

        Raises:
            EmbeddingMismatch, InvalidVector, StoreNotWritable.
        """

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows of these ids that exist, in this order."""

    def delete(self, ids: Sequence[str] | None = None, where: Filter | None = None) -> None:
        """Delete by id, by filter, or both at once (either condition); missing ids are no error."""

    def search(self, vector: Any, text: str, k: int, where: Filter | None, mode: Mode) -> list[Hit]:
        """The k best rows.

        Args:
            vector: float32 (dimension,); unused by "text".
            text: unused by "dense" and "exact".
        """

    def vectors(self, ids: Sequence[str]) -> Any:
        """Their vectors as float32 (len(ids), dimension), in this order."""

    def identity(self) -> Mapping[str, Any] | None:
        """What made its vectors; None for a store that was never written."""

    def count(self) -> int:
        """How many rows there are."""

    def describe(self) -> dict[str, Any]:
        """Rows, bytes, version, and what index there is."""

    def optimize(self) -> None:
        """Compact, and bring the index up to date. Runs by itself behind writes as well."""

    def drop(self) -> None:
        """Delete everything."""

    def release(self) -> None:
        """Free what is kept in memory."""
