"""Vectors of texts that were encoded before, in a SQLite file. It never gets in the way.

A cache that is broken, full or read-only is left alone after one warning.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from llmanager_sdk.errors import StoreError
from llmanager_sdk.ports.models import Encoder
from llmanager_sdk.sqlite_file import SqliteFile

log = logging.getLogger("llmanager_sdk")

MOST = 500_000
"""Vectors that are kept; the oldest tenth goes when there are more (0.8 GB at 384 dimensions)."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    key BLOB PRIMARY KEY, at REAL NOT NULL, vector BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS vectors_at ON vectors (at);
"""
_ASK = 500


class CachedEncoder:
    """An encoder that remembers.

    Args:
        encoder: the one that is asked for what is not remembered.
        path: the file.
    """

    def __init__(self, encoder: Encoder, path: Path) -> None:
        self._encoder = encoder
        self._file = SqliteFile(path, _SCHEMA, durable=False)
        self._broken = False
        self._salt = b""

    @property
    def identity(self) -> Mapping[str, Any]:
        """The encoder's."""
        return self._encoder.identity

    @property
    def dimension(self) -> int:
        """The encoder's."""
        return self._encoder.dimension

    def count(self, text: str) -> int:
        """The encoder's count of tokens."""
        return self._encoder.count(text)

    @property
    def most_tokens(self) -> int:
        """The encoder's."""
        return self._encoder.most_tokens

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Any:
        """Vectors of unit length, float32 (len(texts), dimension), in order."""
        import numpy as np

        if self._broken:
            return self._encoder.encode(texts, query=query)
        keys = [self._key(text, query) for text in texts]
        known = self._known(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = self._encoder.encode(list(missing.values()), query=query)
            fresh = {key: made[i].tobytes() for i, key in enumerate(missing)}
            self._keep(fresh)
            known |= fresh
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([np.frombuffer(known[key], np.float32) for key in keys])

    def _key(self, text: str, query: bool) -> bytes:
        if not self._salt:
            said = json.dumps(dict(self.identity), sort_keys=True)
            self._salt = hashlib.sha256(said.encode()).digest()
        mark = self._salt + (b"q" if query else b"d")
        return hashlib.sha256(mark + text.encode("utf-8", "surrogatepass")).digest()[:20]

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        width = 4 * self.dimension
        try:
            with self._file.reading() as connection:
                if connection is None:
                    return {}
                for start in range(0, len(keys), _ASK):
                    asked = keys[start : start + _ASK]
                    marks = ",".join("?" * len(asked))
                    rows = connection.execute(
                        f"SELECT key, vector FROM vectors WHERE key IN ({marks})", asked
                    )
                    found |= {key: vector for key, vector in rows if len(vector) == width}
        except StoreError as error:
            self._give_up(error)
        return found

    def _keep(self, fresh: Mapping[bytes, bytes]) -> None:
        now = time.time()
        try:
            with self._file.writing() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                    [(key, now, vector) for key, vector in fresh.items()],
                )
                (count,) = connection.execute("SELECT count(*) FROM vectors").fetchone()
                if count > MOST:
                    connection.execute(
                        "DELETE FROM vectors WHERE key IN"
                        " (SELECT key FROM vectors ORDER BY at LIMIT ?)",
                        (MOST // 10,),
                    )
        except StoreError as error:
            self._give_up(error)

    def _give_up(self, error: StoreError) -> None:
        if not self._broken:
            log.warning("llmanager: vectors are not remembered: %s", error.message)
        self._broken = True
