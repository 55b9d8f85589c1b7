"""The links of one chat face: its own, and those to the models that single calls name."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from llmanager_sdk.ports.models import OWN_WIRE
from llmanager_sdk.resource.fixed import FixedLink
from llmanager_sdk.resource.model import ModelResource, model_link

if TYPE_CHECKING:
    from pydantic import SecretStr

_OPTIONS = ("context", "slots", "threads", "aws")
_LIFECYCLE = ("platform", "idle_timeout", "on_cold", "wait_timeout", "progress")


class Links:
    """What a chat face holds. A `with` block of the face holds all of them, whenever made.

    Args:
        told: the fields of the face.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._make = _maker(told)
        self.own: Any = self._make(told["model"], told["deployment"])
        self._model = told["model"]
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._others: dict[str, Any] = {}
        self._depth = 0

    def __getstate__(self) -> dict[str, Any]:
        """What the constructor made: a copy shares nothing with its original."""
        gone = ("_lock", "_others", "_depth")
        return {name: value for name, value in self.__dict__.items() if name not in gone}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def to(self, model: str | None) -> Any:
        """The link to a model; the face's own without a word."""
        if model is None or model == self._model:
            return self.own
        with self._lock:
            link = self._others.get(model)
            if link is None:
                link = self._others[model] = self._make(model, None)
                for _ in range(self._depth):
                    link.__enter__()
            return link

    def __enter__(self) -> Links:
        with self._lock:
            self._depth += 1
            for link in (self.own, *self._others.values()):
                link.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            held = (self.own, *self._others.values())
        with ExitStack() as stack:
            for link in held:
                stack.push(link)

    async def __aenter__(self) -> Links:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.__exit__, *error)


def _maker(told: Mapping[str, Any]) -> partial[Any]:
    """Makes a link from a model and a deployment name."""
    wire = "openai" if told["content_handler"] is None else OWN_WIRE
    if (url := told["endpoint_url"]) is not None:
        own_tools = told["own_tools"] is not False
        return partial(_fixed, url, told["api_key"], own_tools=own_tools, wire=wire)
    options = {name: told[name] for name in _OPTIONS if told[name] is not None}
    if wire == OWN_WIRE:
        options["aws"] = {**options.get("aws", {}), "wire": OWN_WIRE}
    return partial(_managed, {name: told[name] for name in _LIFECYCLE} | options)


def _managed(how: Mapping[str, Any], model: str | None, deployment: str | None) -> ModelResource:
    return model_link(model, deployment=deployment, **how)


def _fixed(
    url: str, key: SecretStr | None, model: str | None, _: str | None, **how: Any
) -> FixedLink:
    return FixedLink(model or "default", url, key.get_secret_value() if key else "", **how)
