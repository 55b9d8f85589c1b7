"""`ManagedLLM`: a LangChain chat model that brings its own engine up, shares it and lets it go.

What makes its link and its calls is imported there: to import the class costs LangChain alone.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.utils.utils import secret_from_env
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.http.faults import Timeouts
from llmanager_sdk.resource.scope import Scoped
from llmanager_sdk.settings import seconds
from llmanager_sdk.wire import PROVIDER
from llmanager_sdk.wire.binding import BindsTools
from llmanager_sdk.wire.progress import from_manager, from_manager_async, from_parent

if TYPE_CHECKING:
    from llmanager_sdk.ports.models import Link
    from llmanager_sdk.resource.model import ModelResource
    from llmanager_sdk.wire.caller import Call
    from llmanager_sdk.wire.generations import Form

_SENT = ("temperature", "max_tokens", "top_p", "seed", "stop", "logprobs", "top_logprobs")
_ENGINE = ("model", "deployment", "platform", "context", "slots", "threads", "aws")
_SERVER = ("endpoint_url", "api_key", "own_tools", "content_handler")
_WAITS = ("idle_timeout", "on_cold", "wait_timeout", "progress", "timeout")
_LINKED = frozenset((*_ENGINE, *_SERVER, *_WAITS))
"""What says which engine answers, and how it is reached."""
_CHARACTERS = 3.5
"""Characters of a token, roughly, in western text."""


class ManagedLLM(BindsTools, Scoped, BaseChatModel):
    """A chat model that exists while somebody uses it.

    Making one does no I/O. The first call brings the engine up, or joins the one that other
    threads and processes use; it goes an idle timeout after the last call of all of them. Use it
    as a context manager to drop this object's demand at the end of the block.

    Args:
        model: a name of `llmanager models`, a Hugging Face id, or the path of a GGUF file.
        deployment: the name under which callers share the engine; derived from the model for None.
        platform: "local", "aws", or a platform object; what the settings say for None.
        idle_timeout: how long the engine stays after the last call: seconds, or "30m".
        on_cold: "wait" for it, or "raise" `ResourceWarming` while it comes up.
        wait_timeout: the longest wait for it; None for as long as it takes.
        progress: "auto", "off", or a callback that gets `Progress`.
        temperature, max_tokens, top_p, seed, stop, logprobs, top_logprobs: as OpenAI has them.
            Without max_tokens an answer ends after 1,024 tokens on local; without temperature
            tool calls and structured output are decoded greedily there.
        timeout: the longest time, in seconds, before the first byte and between two bytes.
        max_retries: how often "too many calls" and the like are tried again.
        stream_usage: report token counts in streams too.
        endpoint_url, api_key: an OpenAI-compatible server that exists already; it is used as it
            is and never ended. The key may come from LLMANAGER_API_KEY.
        own_tools: False forces tool calls by a schema everywhere, True nowhere; None leaves it to
            what is known of the model.
        content_handler: for a container that speaks another form than OpenAI's: an object of
            langchain-aws's ChatModelContentHandler, or one like it. Read on aws and with
            endpoint_url; the engine on local is not that container.
        context, slots, threads: of the engine: tokens, calls at once, threads.
        aws: what only the platform aws reads: instance_type, max_instances, image_uri,
            environment, endpoint_name, ...; see docs/aws.md.

    Raises:
        ConfigurationError: an argument is unknown or makes no sense.
    """

    model: str | None = None
    deployment: str | None = None
    platform: Any = None
    idle_timeout: float | str | None = None
    on_cold: Literal["wait", "raise"] = "wait"
    wait_timeout: float | str | None = None
    progress: Any = "auto"
    temperature: float | None = Field(None, ge=0)
    max_tokens: int | None = Field(None, gt=0)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None
    stop: list[str] | str | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    timeout: float | str | None = None
    max_retries: int = Field(2, ge=0)
    streaming: bool = False
    stream_usage: bool = True
    endpoint_url: str | None = None
    api_key: SecretStr | None = Field(
        default_factory=secret_from_env("LLMANAGER_API_KEY", default=None)
    )
    own_tools: bool | None = None
    content_handler: Any = None
    context: int | None = None
    slots: int | None = None
    threads: int | None = None
    aws: dict[str, Any] | None = None

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    _links: Any = PrivateAttr(default=None)
    _timeouts: Timeouts = PrivateAttr()

    def __init__(self, model: str | None = None, **kwargs: Any) -> None:
        try:
            super().__init__(**{"model": model, **kwargs})
        except ValidationError as error:
            told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ConfigurationError(
                f"ManagedLLM cannot be made like this: {told}",
                step="check the arguments",
                hint="see help(ManagedLLM) for what each of them takes",
            ) from error
        self._connect()

    def _connect(self) -> None:
        """Make what follows from the fields. No I/O."""
        from llmanager_sdk.resource.links import Links

        if self.content_handler is not None:
            from llmanager_sdk.wire import handler

            handler.check(self.content_handler)
        self._links = Links(self.__dict__)
        read = Timeouts.read if self.timeout is None else seconds(self.timeout, "timeout")
        self._timeouts = Timeouts(read=read)

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse what would name one engine while another one answers."""
        if name in _LINKED and (self.__pydantic_private__ or {}).get("_links") is not None:
            raise ConfigurationError(
                f"{name} says which engine answers and how, and cannot be assigned later",
                step=f"set {name}",
                hint=f"make another object: llm.model_copy(update={{{name!r}: ...}})",
            )
        super().__setattr__(name, value)

    def __copy__(self) -> Self:
        """A copy shares nothing with its original but the engine itself."""
        copied = super().__copy__()
        copied._connect()
        return copied

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other fields, which hold for its engine, too."""
        copied = super().model_copy(update=update, deep=deep)
        if self.profile == self._resolve_model_profile() and "profile" not in (update or {}):
            copied.profile = copied._resolve_model_profile()
        copied._connect()
        return copied

    # -- what it is ----------------------------------------------------------------------------

    @property
    def _scope(self) -> Any:
        return self._links

    @property
    def resource(self) -> ModelResource:
        """The infrastructure behind it: status, warm, stop, destroy, pin, logs."""
        return cast("ModelResource", self._links.own)

    def __repr__(self) -> str:
        """What it is and its state, as far as this process knows."""
        return f"ManagedLLM({self.model!r}, {self._links.own!r})"

    __str__ = __repr__

    @property
    def _llm_type(self) -> str:
        return "llmanager"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """Everything a user said that changes an answer, and no secret."""
        names = ("model", "deployment", "endpoint_url", "context", *_SENT)
        told = {each: getattr(self, each) for each in names} | {"platform": str(self.platform)}
        if self.content_handler is not None:
            from llmanager_sdk.wire.handler import name

            told["content_handler"] = name(self.content_handler)
        return told

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        """The key of LangChain's cache: what really answers, a stand-in too, is part of it."""
        model = self._links.to(kwargs.get("model")).model()
        told = super()._get_llm_string(stop=stop, **kwargs)
        return f"{told}---{model.served}-{model.spec.digest}"

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """It is not: LangChain loads only classes of its own."""
        return False

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = LangSmithParams(
            ls_provider=PROVIDER,
            ls_model_name=str(kwargs.get("model") or self.model or "default"),
            ls_model_type="chat",
        )
        temperature = kwargs.get("temperature", self.temperature)
        if temperature is not None:
            params["ls_temperature"] = temperature
        if most := kwargs.get("max_tokens", self.max_tokens):
            params["ls_max_tokens"] = most
        if ends := self._stop(stop):
            params["ls_stop"] = ends
        return params

    def _resolve_model_profile(self) -> Any:
        """LangChain's profile of the model, as far as it is known without looking anything up."""
        from llmanager_sdk.resource.profile import expected

        return expected(self.context, managed=not (self.endpoint_url or self.content_handler))

    def get_num_tokens(self, text: str) -> int:
        """Roughly how many tokens a text has: nothing is started to count them."""
        return math.ceil(len(text) / _CHARACTERS)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """Roughly how many tokens messages have."""
        return count_tokens_approximately(messages, chars_per_token=_CHARACTERS)

    # -- calls ---------------------------------------------------------------------------------

    def _stop(self, stop: list[str] | None) -> list[str] | None:
        ends = stop if stop is not None else self.stop
        return [ends] if isinstance(ends, str) else ends

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        kwargs: dict[str, Any],
        streams: bool = False,
    ) -> tuple[Call[Any], Form]:
        """One request, built before anything is started, and the form of its answer."""
        from llmanager_sdk.wire.chat import prepare

        link: Link = self._links.to(kwargs.pop("model", None))
        options = {name: x for name in _SENT if (x := self.__dict__[name]) is not None}
        options["stop"] = self._stop(stop)
        if kwargs:
            unsent = ("ls_", "stream_usage")
            options |= {name: x for name, x in kwargs.items() if not name.startswith(unsent)}
        return prepare(
            link,
            messages,
            options,
            own_tools=self.own_tools,
            content_handler=self.content_handler,
            timeouts=self._timeouts,
            retries=self.max_retries,
            streams=streams,
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call, form = self._call(messages, stop, kwargs)
        return ChatResult(generations=[form.whole(call.stream(from_manager(run_manager)))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call, form = self._call(messages, stop, kwargs)
        pieces = [piece async for piece in call.astream(from_manager_async(run_manager))]
        return ChatResult(generations=[form.whole(pieces)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        usage = kwargs.pop("stream_usage", self.stream_usage)
        call, form = self._call(messages, stop, kwargs, streams=True)
        yield from map(form.chunks(usage=usage), call.stream(from_parent()))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        usage = kwargs.pop("stream_usage", self.stream_usage)
        call, form = self._call(messages, stop, kwargs, streams=True)
        chunk = form.chunks(usage=usage)
        async for piece in call.astream(from_parent()):
            yield chunk(piece)


# LangChain asks for these signatures at every call; worked out once, they are a look-up.
for _name in ("_generate", "_agenerate"):
    _method = vars(ManagedLLM)[_name]
    _method.__signature__ = inspect.signature(_method)
