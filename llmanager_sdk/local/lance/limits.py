"""From when a store does what: numbers, measured on two cores with 384 dimensions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Thresholds of one store.

    Attributes:
        index_from: rows from which vectors and ids are indexed; fewer are compared in memory,
            which takes 1 ms at 20,000.
        few: rows that a filter may keep for their vectors to be read and compared one by one.
        vectors: bytes of vectors up to which a filtered search keeps them in memory. Exact search
            keeps them whatever their size.
        documents: bytes of documents up to which they are kept in memory; beyond, what is found is
            read, which costs a query about 1 ms.
        small: small fragments from which they are put together; each costs a query 0.1 ms.
        unindexed: rows that may wait for the indexes, which scan them; a tenth of the table if
            that is more.
        versions: versions from which old ones are removed however young they are.
        keep_s: for how long old versions stay otherwise, for queries that are under way.
        wait_s: how long a writer waits for its turn; indexes are made within one.
    """

    index_from: int = 20_000
    few: int = 20_000
    vectors: int = 512 << 20
    documents: int = 256 << 20
    small: int = 64
    unindexed: int = 5_000
    versions: int = 500
    keep_s: float = 60.0
    wait_s: float = 120.0


DEFAULT = Limits()
