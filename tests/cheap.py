"""A cheap embedding model that is the same everywhere: for tests that are not about meaning."""

from __future__ import annotations

import hashlib

from langchain_core.embeddings import Embeddings


class Cheap(Embeddings):
    """Vectors of a text's hash, at unit length.

    Args:
        size: dimensions, at most 32.
        salt: another salt is another model.
    """

    def __init__(self, size: int = 16, salt: str = "") -> None:
        self.size = size
        self.salt = salt

    def identity(self) -> dict[str, object]:
        return {"model": f"cheap{self.salt}"}

    def embed_query(self, text: str) -> list[float]:
        digest = hashlib.sha256((self.salt + text).encode()).digest()
        vector = [byte - 127.5 for byte in digest[: self.size]]
        length = sum(x * x for x in vector) ** 0.5
        return [x / length for x in vector]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]
