"""An OpenAI-compatible server that exists already: used as it is, never started, never ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import orjson

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Notify
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import NotReached, Refused, Timeouts, TooSlow
from llmanager_sdk.ports.models import OWN_WIRE, ChatModel, Endpoint
from llmanager_sdk.resource.base import not_ours
from llmanager_sdk.resource.openai import ClientSettings, settings
from llmanager_sdk.resource.static import Static
from llmanager_sdk.resource.status import Status


class FixedLink(Static):
    """A link to such a server.

    Args:
        model: the name that it knows the model by.
        url: its base, such as "http://127.0.0.1:8000/v1".
        api_key: sent as a bearer token; empty for none.
        own_tools: it calls tools by itself; else calls are forced by a schema.
        wire: how it talks.
    """

    def __init__(
        self, model: str, url: str, api_key: str, *, own_tools: bool = True, wire: str = "openai"
    ) -> None:
        super().__init__(self._state)
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        spec, profile = spec_of("fixed", url, {}), {"tool_calling": True}
        self._model = ChatModel(model, model, spec, 0, own_tools, profile, wire=wire)
        path = "" if wire == OWN_WIRE else Endpoint.path
        self._endpoint = Endpoint(url.rstrip("/"), headers, keep_alive=True, path=path)
        self._asked = False

    def __repr__(self) -> str:
        return f"<model {self._model.name} at {self._endpoint.url}>"

    def _state(self) -> Status:
        phase = "reachable" if self._slots() is not _NOBODY else "unreachable"
        return Status(key=self._endpoint.url, kind="model", platform="elsewhere", phase=phase)

    def model(self) -> ChatModel:
        """What it was said to be."""
        return self._model

    def stop(self, *, force: bool = False, wait: bool = True) -> Status:
        """It is not ours to end.

        Raises:
            ConfigurationError: always.
        """
        raise not_ours("stop", self._model.name, self._endpoint.url)

    def destroy(self, *, yes: bool = False) -> Status:
        """It is not ours to delete.

        Raises:
            ConfigurationError: always.
        """
        raise not_ours("destroy", self._model.name, self._endpoint.url)

    def pin(self, duration: float | str) -> Status:
        """It is not ours to keep.

        Raises:
            ConfigurationError: always.
        """
        raise not_ours("pin", self._model.name, self._endpoint.url)

    def openai_client_settings(self, *, hold: float | str | None = None) -> ClientSettings:
        """Address and key for clients of OpenAI's, as they were given; it needs no hold."""
        return settings(self._model, self._endpoint, SYSTEM.time())

    async def aopenai_client_settings(self, **how: Any) -> ClientSettings:
        """`openai_client_settings`, for asyncio."""
        return self.openai_client_settings(**how)

    def _slots(self) -> Any:
        """llama.cpp's server says how many slots it has; others say nothing, which is no limit."""
        url = self._endpoint.url.removesuffix("/v1") + "/props"
        try:
            data = sync.request("GET", url, None, self._endpoint.headers, Timeouts(2.0, 2.0))
            said = orjson.loads(data)
            slots = said.get("total_slots") if isinstance(said, Mapping) else None
            return slots if isinstance(slots, int) and slots > 0 else None
        except NotReached:
            return _NOBODY
        except (Refused, TooSlow, ValueError):
            return None

    def _ready(self) -> Endpoint:
        if not self._asked:
            slots = self._slots()
            if isinstance(slots, int):
                self._endpoint = replace(self._endpoint, slots=slots)
            self._asked = slots is not _NOBODY
        return self._endpoint

    @contextmanager
    def call(self, notify: Notify | None = None) -> Iterator[Endpoint]:
        """The server, as it is."""
        yield self._endpoint if self._asked else self._ready()

    @asynccontextmanager
    async def acall(self, notify: Notify | None = None) -> AsyncIterator[Endpoint]:
        """`call`, for asyncio."""
        yield self._endpoint if self._asked else await asyncio.to_thread(self._ready)

    def lost(self, endpoint: Endpoint) -> bool:
        """It is not ours to bring back."""
        return False

    async def alost(self, endpoint: Endpoint) -> bool:
        """It is not ours to bring back."""
        return False

    def __enter__(self) -> FixedLink:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing of ours ends."""

    async def __aenter__(self) -> FixedLink:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing of ours ends."""


_NOBODY: Any = object()
