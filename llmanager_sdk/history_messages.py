"""Messages of LangChain as the text that histories keep, and back. Pure.

What is kept can be read: a message is loaded from its text before that is written. What cannot be
read all the same, because another version or program wrote it, is shown as what is left of it: one
message must not hide a conversation.
"""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import (
    BaseMessage,
    ChatMessage,
    message_to_dict,
    messages_from_dict,
)

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.ports.history import Stored, encoded

UNREADABLE = "llmanager_unreadable"
"""In the `response_metadata` of what stands for an unreadable message: its text, as it is kept."""

_ERRORS = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_ROLES = {"ai": "assistant", "AIMessageChunk": "assistant", "system": "system"}


def dumped(message: BaseMessage) -> str:
    """A message as text.

    Raises:
        ConfigurationError: it cannot be kept, or could not be read again.
    """
    if isinstance(raw := message.response_metadata.get(UNREADABLE), str):
        return raw
    try:
        body = json.dumps(message_to_dict(message), ensure_ascii=False)
    except _ERRORS as error:
        raise _refusal(error, "its content and artifact must be plain data") from error
    return sound(body)


def sound(body: str) -> str:
    """The text of a message, without what keeps it from being read if that is but a count.

    Raises:
        ConfigurationError: it could not be read again.
    """
    encoded(body)
    try:
        told = json.loads(body)
        read = _read(told)[1]
    except _ERRORS as error:
        hint = "use the messages of langchain_core: one of a class of your own cannot be read again"
        raise _refusal(error, hint) from error
    return body if read is told else json.dumps(read, ensure_ascii=False)


def loaded(stored: Stored) -> BaseMessage:
    """The message of a text, or what is left of it: see `unreadable`."""
    told: Any = None
    try:
        told = json.loads(stored.body)
        return _read(told)[0]
    except _ERRORS:
        return _remains(stored, told)


def unreadable(message: BaseMessage) -> bool:
    """Whether it stands for one that cannot be read.

    It is a `ChatMessage` with the content of that one, or its whole text; it is kept as that one.
    """
    return UNREADABLE in message.response_metadata


def _read(told: Any) -> tuple[BaseMessage, Any]:
    """A message, and the data it was read from.

    LangChain's cache leaves `{"total_cost": 0}` in the place of the counts of tokens, which is no
    form that can be read.
    """
    try:
        return messages_from_dict([told])[0], told
    except _ERRORS:
        if not told["data"].get("usage_metadata"):
            raise
        rest = {**told, "data": {**told["data"], "usage_metadata": None}}
        return messages_from_dict([rest])[0], rest


def _remains(stored: Stored, told: Any) -> ChatMessage:
    told = told if isinstance(told, dict) else {}
    data = told.get("data")
    data = data if isinstance(data, dict) else {}
    content, own = data.get("content"), data.get("id")
    return ChatMessage(
        role=_ROLES.get(str(told.get("type")), "user"),
        content=content if isinstance(content, str) else stored.body,
        id=own if isinstance(own, str) and own else stored.id,
        response_metadata={UNREADABLE: stored.body},
    )


def _refusal(error: BaseException, hint: str) -> ConfigurationError:
    told = " ".join(str(error).split())[:200]
    return ConfigurationError(told or type(error).__name__, hint=hint)
