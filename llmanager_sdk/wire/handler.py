"""Containers of the user's own: a content handler stands between them and us.

langchain-aws has one for chats (`ChatModelContentHandler`): it makes the body of a request of
messages as OpenAI has them, and a message of an answer. langchain-community has one for embeddings
(`EmbeddingsContentHandler`), for texts and vectors. Whatever has the four names of `ContentHandler`
will do: neither package is needed. `handled` (beside this file) has what only chats need.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Protocol

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.wire.vectors import array


class ContentHandler(Protocol):
    """What must be there of a handler.

    Attributes:
        content_type, accepts: MIME types of what is sent, and of what may come back.
    """

    content_type: str | None
    accepts: str | None

    def transform_input(self, prompt: Any, model_kwargs: dict[str, Any]) -> Any:
        """The body of a request: bytes, text, or a file of it."""

    def transform_output(self, output: Any) -> Any:
        """What an answer says."""


_NAMES = ("content_type", "accepts", "transform_input", "transform_output")


def check(handler: Any) -> None:
    """Refuse what is no handler.

    Raises:
        ConfigurationError: with what it lacks.
    """
    if lacks := [name for name in _NAMES if not hasattr(handler, name)]:
        raise ConfigurationError(
            f"this is no content handler: a {type(handler).__name__} has no {', '.join(lacks)}",
            step="check the arguments",
            hint="give an object of a subclass of langchain-aws's ChatModelContentHandler",
        )


def name(handler: Any) -> str:
    """Of its class: all that tells one handler from another."""
    return f"{type(handler).__module__}.{type(handler).__qualname__}"


def kinds(handler: ContentHandler) -> dict[str, str]:
    """The headers of a request."""
    told = {"Content-Type": handler.content_type, "Accept": handler.accepts}
    return {header: value for header, value in told.items() if value}


def body(handler: ContentHandler, prompt: Any, options: dict[str, Any]) -> bytes:
    """What is sent."""
    made = by(handler.transform_input, prompt, options)
    made = made.read() if hasattr(made, "read") else made
    return made.encode() if isinstance(made, str) else bytes(made)


def by(transform: Callable[..., Any], *args: Any) -> Any:
    """The result of the user's code; what it raises says where it comes from."""
    try:
        return transform(*args)
    except Exception as error:
        error.add_note(f"llmanager: raised by content_handler.{transform.__name__}")
        raise


class Whole:
    """Reads an answer that comes at once.

    Args:
        made: makes of its file what is passed on.
    """

    def __init__(self, made: Callable[[BytesIO], Any], framed: bool = False) -> None:
        self._made = made
        self._parts: list[bytes] = []
        self.begun = False  # nothing is passed on before the end: it may be asked for again

    def feed(self, data: bytes) -> list[Any]:
        """Nothing yet."""
        self._parts.append(data)
        return []

    def close(self) -> list[Any]:
        """What the handler makes of it."""
        return [self._made(BytesIO(b"".join(self._parts)))]


def vectors(handler: ContentHandler, count: int, where: str, output: Any) -> Any:
    """The array that a handler makes of an answer.

    Raises:
        AnswerBroken: there is no vector for each text.
    """
    return array(by(handler.transform_output, output), count, where)
