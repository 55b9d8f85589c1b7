"""Texts to vectors over a link: batches by the engine's limits, several in flight, order kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from llmanager_sdk.http.faults import Timeouts
from llmanager_sdk.ports.models import EmbeddingModel, Link
from llmanager_sdk.wire.caller import Call
from llmanager_sdk.wire.handler import ContentHandler, Whole, body, kinds, vectors
from llmanager_sdk.wire.vectors import Vectors, request

TIMEOUTS = Timeouts(read=70.0)


class Embedder:
    """An embedding model behind a link.

    Args:
        link: its model is an `EmbeddingModel`.
        truncate: cut a text off that is longer than the model takes; else it is refused.
        batch_size: texts of one request, at most what the engine takes.
        concurrency: requests under way at once.
        handler: makes requests and vectors, for a container that only it can talk to.
    """

    def __init__(
        self,
        link: Link,
        *,
        truncate: bool,
        batch_size: int,
        concurrency: int,
        handler: ContentHandler | None = None,
    ) -> None:
        self._link = link
        self._handler = handler
        self._truncate = truncate
        self._batch_size = batch_size
        self._concurrency = concurrency

    @property
    def model(self) -> EmbeddingModel:
        """What the name stands for."""
        model = self._link.model()
        assert isinstance(model, EmbeddingModel)
        return model

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that changes a vector."""
        return self.model.identity

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Any:
        """A float32 array (len(texts), dimension), rows of unit length, in order."""
        import numpy as np

        calls = self._calls(texts, query)
        if len(calls) == 1:
            return _one(calls[0])
        with ThreadPoolExecutor(min(self._concurrency, len(calls))) as pool:
            return np.concatenate(list(pool.map(_one, calls)))

    async def aencode(self, texts: Sequence[str], *, query: bool = False) -> Any:
        """`encode`, for asyncio."""
        import numpy as np

        calls = self._calls(texts, query)
        gate = asyncio.Semaphore(self._concurrency)

        async def one(call: Call[Any]) -> Any:
            async with gate:
                [array] = [array async for array in call.astream()]
                return array

        parts = await asyncio.gather(*(one(call) for call in calls))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _calls(self, texts: Sequence[str], query: bool) -> list[Call[Any]]:
        model = self.model
        prompt = model.prompts.get("query" if query else "passage", "")
        size = max(1, min(self._batch_size, model.most_texts))
        found = []
        for start in range(0, len(texts), size):
            part = [prompt + text for text in texts[start : start + size]]
            found.append(self._call(part, model))
        return found

    def _call(self, texts: list[str], model: EmbeddingModel) -> Call[Any]:
        if self._handler is not None:
            sent = body(self._handler, texts, {})
            made = partial(vectors, self._handler, len(texts), model.name)
            return Call(
                self._link,
                sent,
                model.name,
                partial(Whole, made),
                TIMEOUTS,
                kinds=kinds(self._handler),
                at_once=True,
            )
        sent = request(texts, model.wire, truncate=self._truncate)
        reader = partial(Vectors, len(texts), model.name)
        return Call(self._link, sent, model.name, reader, TIMEOUTS)


def _one(call: Call[Any]) -> Any:
    [array] = call.stream()
    return array
