"""`ManagedEmbeddings`: LangChain embeddings whose engine comes up by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.embeddings import Embeddings

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.forks import forget_after_fork
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.models import OWN_WIRE, Encoder
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.resource.base import Resource
from llmanager_sdk.resource.link import OnCold
from llmanager_sdk.resource.model import model_link
from llmanager_sdk.resource.scope import Scoped
from llmanager_sdk.resource.show import Show
from llmanager_sdk.resource.static import Static
from llmanager_sdk.resource.status import Status
from llmanager_sdk.wire.embedder import Embedder
from llmanager_sdk.wire.handler import check

BATCH = 256
"""Texts that go to the encoder at once."""
IN_FLIGHT = 2
"""Batches under way at once, in process."""
REMOTE_IN_FLIGHT = 32
"""Batches under way at once, to an endpoint."""
ENGINE_OPTIONS = ("context", "slots", "threads")


def batches(count: int, size: int) -> list[slice]:
    """Where to cut `count` texts, in order."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


class ManagedEmbeddings(Scoped, Embeddings):
    """Embeddings of a model that is there when it is used. Making one does no I/O.

    On local the encoder runs in this process, and vectors of texts that were encoded before are
    remembered on disk. On aws an endpoint is created on first use, which costs money while it
    lives, and goes when nobody uses it.

    Args:
        model: "minilm" (default on local), or a folder with model.onnx and tokenizer.json; on aws
            a name of `llmanager models`, or a Hugging Face id.
        deployment: the name under which callers share an endpoint.
        platform: "local", "aws", or a platform object; what the settings say for None.
        truncate: cut a text off that is longer than the model takes; else refuse it.
        batch_size: texts that go to the engine at once; an endpoint's own limit is kept too.
        concurrency: batches under way at once; 2 on local, 32 on aws by default.
        idle_timeout, on_cold, wait_timeout, progress: of an endpoint, as `ManagedLLM` has them.
        content_handler: for a container of your own on aws that speaks neither OpenAI's form nor
            TEI's: an object of langchain-community's EmbeddingsContentHandler, or one like it.
        aws: what only the platform aws reads, as `ManagedLLM` has it.
        options: context, slots, threads: of an endpoint's engine, as `ManagedLLM` has them.

    Raises:
        ConfigurationError: an argument makes no sense.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        deployment: str | None = None,
        platform: str | Platform | None = None,
        truncate: bool = True,
        batch_size: int = BATCH,
        concurrency: int | None = None,
        idle_timeout: float | str | None = None,
        on_cold: OnCold = "wait",
        wait_timeout: float | str | None = None,
        progress: Show = "auto",
        content_handler: Any = None,
        aws: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("concurrency", concurrency or 1)):
            if value < 1:
                raise ConfigurationError(f"{name}={value!r} must be at least 1")
        if unknown := sorted(set(options) - set(ENGINE_OPTIONS)):
            raise ConfigurationError(
                f"ManagedEmbeddings takes no {', '.join(unknown)}",
                step="check the arguments",
                hint="see help(ManagedEmbeddings); what only aws reads goes into aws={...}",
            )
        self.model = model
        self.truncate = truncate
        self.batch_size = batch_size
        self.concurrency = concurrency
        self.content_handler = content_handler
        if content_handler is not None:
            check(content_handler)
            aws = {**(aws or {}), "wire": OWN_WIRE}
        self._platform = platform
        self._options = options
        self._link = model_link(
            model,
            deployment=deployment,
            platform=platform,
            idle_timeout=idle_timeout,
            on_cold=on_cold,
            wait_timeout=wait_timeout,
            progress=progress,
            embeds=True,
            **(options | ({"aws": dict(aws)} if aws else {})),
        )
        self._forget()
        forget_after_fork(self)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._bound: Encoder | Embedder | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What the constructor was told."""
        return {name: x for name, x in self.__dict__.items() if name not in ("_lock", "_bound")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
        forget_after_fork(self)

    def __repr__(self) -> str:
        """What it is and its state, as far as this process knows."""
        bound = self._bound
        if isinstance(bound, Embedder):
            return f"ManagedEmbeddings({self.model!r}, {self._link!r})"
        state = "in process" if bound is not None else "not used yet"
        return f"ManagedEmbeddings({self.model!r}, <{state}>)"

    def _bind(self) -> Encoder | Embedder:
        bound = self._bound
        if bound is not None:
            return bound
        platform = resolve(self._platform)
        with self._lock:
            if self._bound is None:
                if platform.encodes_here:
                    self._bound = platform.encoder(self.model, self._options)
                else:
                    self._bound = Embedder(
                        self._link,
                        truncate=self.truncate,
                        batch_size=self.batch_size,
                        concurrency=self.concurrency or REMOTE_IN_FLIGHT,
                        handler=self.content_handler,
                    )
            return self._bound

    # -- what it is ----------------------------------------------------------------------------

    @property
    def dimension(self) -> int:
        """The length of a vector. On local this loads the encoder; on aws it may ask for one."""
        encoder = self._bind()
        if isinstance(encoder, Embedder):
            return encoder.model.dimension or len(self.embed_query("dimension"))
        return encoder.dimension

    def identity(self) -> Mapping[str, Any]:
        """All that changes a vector: a store that was made with another identity refuses it."""
        return self._bind().identity

    @property
    def resource(self) -> Resource:
        """The infrastructure behind it."""
        if not resolve(self._platform).encodes_here:
            link: Resource = self._link
            return link
        return Static(self._status, warm=lambda: self.embed_query("warm"), stop=self._forget)

    def _status(self) -> Status:
        name = self.model or "minilm"
        leaves = "lives in this process, nothing to delete"
        where = resolve(self._platform).name
        return Status(name, "encoder", where, "in process", name, name, leaves=leaves)

    # -- embedding -----------------------------------------------------------------------------

    def embed_array(self, texts: Sequence[str], *, query: bool = False) -> Any:
        """Vectors of unit length as one float32 array (len(texts), dimension), in order.

        Raises:
            ConfigurationError: a text is no text, or too long and not to be truncated.
        """
        import numpy as np

        encoder = self._checked(texts)
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        if isinstance(encoder, Embedder):
            return encoder.encode(texts, query=query)
        parts = [encoder.encode(texts[x], query=query) for x in self._batches(texts)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    async def aembed_array(self, texts: Sequence[str], *, query: bool = False) -> Any:
        """`embed_array`, for asyncio.

        In process, encoding is work for the processor that lets other threads run, so it is done
        in threads: an event loop has nothing of its own for that.
        """
        import numpy as np

        encoder = self._bound
        if encoder is None:
            encoder = await asyncio.to_thread(self._bind)
        if not texts:
            return np.zeros((0, await asyncio.to_thread(lambda: self.dimension)), np.float32)
        if isinstance(encoder, Embedder):
            self._checked(texts)
            return await encoder.aencode(texts, query=query)
        await asyncio.to_thread(self._checked, texts)
        gate, encode = asyncio.Semaphore(self.concurrency or IN_FLIGHT), encoder.encode

        async def one(part: slice) -> Any:
            async with gate:
                return await asyncio.to_thread(encode, texts[part], query=query)

        parts = await asyncio.gather(*(one(part) for part in self._batches(texts)))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _batches(self, texts: Sequence[str]) -> list[slice]:
        return batches(len(texts), self.batch_size)

    def _checked(self, texts: Sequence[str]) -> Encoder | Embedder:
        encoder = self._bind()
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise ConfigurationError(
                    f"text {i} is of type {type(text).__name__}, not text", step="embed"
                )
            if _half(text):
                raise ConfigurationError(
                    f"text {i} has half a character (a lone surrogate)",
                    step="embed",
                    hint='leave it out: text.encode("utf-8", "replace").decode()',
                )
            if isinstance(encoder, Embedder):
                continue  # the engine counts tokens, and refuses what is too long
            if not self.truncate and (count := encoder.count(text)) > encoder.most_tokens:
                raise ConfigurationError(
                    f"text {i} has {count} tokens or more, and the model takes "
                    f"{encoder.most_tokens}",
                    step="embed",
                    hint="split it, or allow truncate=True",
                )
        return encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, in order."""
        found: list[list[float]] = self.embed_array(texts).tolist()
        return found

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        found: list[float] = self.embed_array([text], query=True)[0].tolist()
        return found

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, in order."""
        found: list[list[float]] = (await self.aembed_array(texts)).tolist()
        return found

    async def aembed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        found: list[float] = (await self.aembed_array([text], query=True))[0].tolist()
        return found


def _half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
