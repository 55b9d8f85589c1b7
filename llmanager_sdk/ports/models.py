"""What a face needs of a platform that serves models. Protocols and frozen records only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from llmanager_sdk.core.life import Spec
    from llmanager_sdk.core.ports import Notify

Sign = Callable[[str, bytes, Mapping[str, str]], dict[str, str]]
JSON: Mapping[str, str] = {"Content-Type": "application/json"}
OWN_WIRE = "custom"
"""The wire of a container that only a content handler can talk to."""


class Access(NamedTuple):
    """What a client of OpenAI's needs to reach an endpoint by itself.

    Attributes:
        seconds: for how long the key is good.
    """

    url: str
    key: str
    seconds: float


@dataclass(frozen=True)
class Endpoint:
    """Where a ready life answers calls.

    Attributes:
        url: base URL; the wire adds its path, such as "/chat/completions".
        headers: sent with each request, credentials included; never in a repr.
        slots: how many calls it works on at once; None is "no limit of ours".
        gen: the generation it belongs to, 0 for one that is not ours.
        keep_alive: a connection may be used again after a stream. llama.cpp closes it without a
            word, so that the next call on it would fail.
        path: behind the URL, for calls.
        framed: answers come as AWS event-stream frames.
        whole: the path where an answer comes at once and unframed; empty where `path` is one.
        sign: makes the headers of one POST from its URL, its body and the plain headers.
        longest: seconds after which a call is ended by us; None for never.
        lend: makes a key for clients of others, good for so many seconds at most; None where the
            key in the headers is one.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    slots: int | None = None
    gen: int = 0
    keep_alive: bool = False
    path: str = "/chat/completions"
    framed: bool = False
    whole: str = ""
    sign: Sign | None = field(default=None, repr=False, compare=False)
    longest: float | None = None
    lend: Callable[[float], Access] | None = field(default=None, repr=False, compare=False)

    def prepared(self, body: bytes, kinds: Mapping[str, str] = JSON) -> tuple[str, dict[str, str]]:
        """URL and headers of one call.

        Args:
            kinds: headers that say what is sent, and what may come back.
        """
        url = self.url + self.path
        headers = {**kinds, **self.headers}
        if self.framed and "Accept" in headers:  # the name it has there (botocore's service model)
            headers["X-Amzn-SageMaker-Accept"] = headers.pop("Accept")
        if not self.keep_alive:
            headers["Connection"] = "close"
        return url, headers if self.sign is None else self.sign(url, body, headers)

    def at_once(self) -> Endpoint:
        """The same, for an answer that does not come in parts."""
        return replace(self, path=self.whole or self.path, framed=False)

    def access(self, seconds: float) -> Access:
        """What a client of OpenAI's needs to reach it for so long, or for as long as can be."""
        if self.lend is not None:
            return self.lend(seconds)
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return Access(self.url, key, seconds)


@dataclass(frozen=True)
class ChatModel:
    """What a model name stands for on a platform.

    Attributes:
        name: what the user asked for.
        served: what really answers; differs from `name` for a stand-in only.
        spec: what is deployed.
        context: the longest prompt plus answer, in tokens.
        own_tools: the engine's own tool calling is good; else it is forced by a schema of ours.
        profile: LangChain's model profile.
        price: the worst case, $/h; 0 where it costs nothing.
        fixed: an endpoint that exists and is not ours: used as it is, never ended.
        wire: how it talks: "openai", `OWN_WIRE`, or one of those for embeddings.
        alias: the name that its server knows it by; None for `served`.
        fetch: brings its weights to this machine; None where none are missing. Equal ones bring
            the same. What the name stands for is looked up again afterwards.
    """

    name: str
    served: str
    spec: Spec
    context: int
    own_tools: bool = False
    profile: Mapping[str, Any] = field(default_factory=dict)
    price: float = 0.0
    fixed: Endpoint | None = None
    wire: str = "openai"
    alias: str | None = None
    fetch: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    @property
    def known_as(self) -> str:
        """The name to send with a request."""
        return self.served if self.alias is None else self.alias

    @property
    def stand_in(self) -> bool:
        """Whether another model than the one asked for answers, as the user chose."""
        return self.name != self.served


@dataclass(frozen=True)
class EmbeddingModel(ChatModel):
    """An embedding model that is served by an endpoint.

    Attributes:
        wire: "openai-embeddings", "tei" for Text Embeddings Inference, or `OWN_WIRE`.
        dimension: the length of a vector; 0 where only an answer tells.
        most_tokens: the tokens of a text that count.
        most_texts: the most texts of one request.
        prompts: put before a "query" and before a "passage".
    """

    wire: str = "tei"
    dimension: int = 0
    most_tokens: int = 512
    most_texts: int = 32
    prompts: Mapping[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that changes a vector."""
        body = self.spec.body
        told = {name: body[name] for name in ("model", "revision", "dtype") if body.get(name)}
        return {**told, "dimension": self.dimension, "prompts": dict(self.prompts)}


class Encoder(Protocol):
    """Texts to vectors."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that changes a vector."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    @property
    def most_tokens(self) -> int:
        """The tokens of a text that count; what comes behind them is cut off."""

    def count(self, text: str) -> int:
        """How many tokens a text has, uncut."""

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Any:
        """A float32 array (len(texts), dimension), rows of unit length, in order."""


class Link(Protocol):
    """What a chat face holds: a resource it can call without knowing how it comes to be."""

    def model(self) -> ChatModel:
        """What the name stands for. Reads the disk on first use, then remembers."""

    def call(self, notify: Notify | None = None) -> AbstractContextManager[Endpoint]:
        """Bring the resource up if it is cold, and hold its lease while the block runs.

        Raises:
            ResourceWarming, WaitTimeout, StartFailed, SpecChanged, ...: see `errors`.
        """

    def acall(self, notify: Notify | None = None) -> AbstractAsyncContextManager[Endpoint]:
        """`call`, for asyncio."""

    def lost(self, endpoint: Endpoint) -> bool:
        """Report that nothing answered there before the first byte of an answer.

        Returns:
            True if the platform confirms that the life is over, so that the call may be made
            again: the next `call` brings up a new life.
        """

    async def alost(self, endpoint: Endpoint) -> bool:
        """`lost`, for asyncio."""
