"""One call of a chat model, built before anything is started, and the form of its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from langchain_core.messages import BaseMessage

from llmanager_sdk.http.faults import Timeouts
from llmanager_sdk.ports.models import OWN_WIRE, ChatModel, Link
from llmanager_sdk.wire import handled
from llmanager_sdk.wire.answer import Answer
from llmanager_sdk.wire.caller import Call
from llmanager_sdk.wire.generations import Deltas, Form
from llmanager_sdk.wire.request import build


def prepare(
    link: Link,
    messages: Sequence[BaseMessage],
    options: dict[str, Any],
    *,
    own_tools: bool | None,
    content_handler: Any,
    timeouts: Timeouts,
    retries: int,
    streams: bool,
) -> tuple[Call[Any], Form]:
    """What one call sends, and what LangChain gets of its answer.

    Args:
        options: as OpenAI has them.
        own_tools: of the container; None for what is known of the model.
        content_handler: for a container that speaks another form.
        streams: the caller wants the answer in parts.

    Raises:
        ConfigurationError, UnsupportedInput: it cannot be asked like this.
    """
    model = link.model()
    if model.wire == OWN_WIRE:
        how: dict[str, Any] = {"timeouts": timeouts, "retries": retries, "streams": streams}
        call = handled.call(content_handler, link, model, messages, options, **how)
        return call, handled.Handled(_metadata(model))
    options["stream_options"] = {"include_usage": True}
    request = build(
        messages,
        options,
        model=model.known_as,
        profile=model.profile,
        own_tools=model.own_tools if own_tools is None else own_tools,
    )
    reader = partial(Answer, request, model.name)
    call = Call(link, request.body, model.name, reader, timeouts, retries)
    return call, Deltas(_metadata(model))


def _metadata(model: ChatModel) -> Mapping[str, Any]:
    """What each answer says of its model."""
    told: dict[str, Any] = {"model_name": model.name}
    return told | ({"stand_in": model.served} if model.stand_in else {})
