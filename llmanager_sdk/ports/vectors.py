"""The dataset behind a vector store: documents with metadata and vectors, and ways to find them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.filters import Filter

Mode = Literal["dense", "exact", "text", "hybrid"]
MODES: tuple[Mode, ...] = ("dense", "exact", "text", "hybrid")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Row:
    """One document; `ports.rows` makes them from what a user gives.

    Attributes:
        id: unique in its store.
        metadata: any JSON value under text keys; read back as it was written.
    """

    id: str
    text: str
    metadata: Mapping[str, Any]


class Hit(NamedTuple):
    """A document that was found.

    Attributes:
        score: higher is better: the cosine, in [-1, 1], for "dense" and "exact"; BM25 for "text";
            the sum of reciprocal ranks for "hybrid", 1 for what both ways rank first.
        vector: its vector at unit length, float32 (dimension,), if it was asked for.
    """

    row: Row
    score: float
    vector: Any = None


class Dataset(Protocol):
    """One store. A store that was never written reads as empty, and reading makes nothing."""

    def add(self, rows: Sequence[Row], vectors: Any, identity: Mapping[str, Any]) -> None:
        """Write rows in one commit, over those of the same ids; of equal ids the last one counts.

        The commit is on disk when this returns, and the next query of any process sees it.

        Args:
            vectors: (len(rows), dimension), any length but zero; float32 is kept.
            identity: what made the vectors; kept at the first write, compared at the others.

        Raises:
            EmbeddingMismatch, InvalidVector, StoreNotWritable: nothing was written.
        """

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows of these ids that exist, in this order."""

    def delete(self, ids: Sequence[str] | None = None, where: Filter | None = None) -> None:
        """Delete by id or by filter, in one commit; missing ids are no error.

        Raises:
            ConfigurationError: `check_deletion` refuses it.
        """

    def search(
        self,
        vector: Any,
        text: str,
        k: int,
        where: Filter | None,
        mode: Mode,
        with_vectors: bool = False,
    ) -> list[Hit]:
        """The k best rows, all of one version.

        Args:
            vector: (dimension,); unused by "text".
            text: unused by "dense" and "exact".
        """

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


def check_name(name: object) -> str:
    """The name of a store, if it can be one.

    Raises:
        ConfigurationError: it cannot.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of a store",
            hint="use up to 64 letters, digits, '-', '_' and '.', beginning with a letter or digit",
        )
    return name


def check_deletion(ids: object, where: object) -> None:
    """Refuse to delete by nothing, and by ids and a filter at once: one reader takes that for what
    either of them says, another for what both say, and what was deleted is gone.

    Raises:
        ConfigurationError: there is not one of them.
    """
    if ids is None and where is None:
        raise ConfigurationError(
            "delete needs ids or a filter", hint="clear() deletes every document"
        )
    if ids is not None and where is not None:
        raise ConfigurationError(
            "delete was given ids and a filter, which says not whether either or both must hold",
            hint="either: delete(ids), then delete(filter=...); both: delete([x.id for x in "
            "get_by_ids(ids) if matches(parse(filter), x.metadata)]), from llmanager_sdk.filters",
        )
