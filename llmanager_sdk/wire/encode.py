"""Values as JSON that can be sent, or a typed error."""

from __future__ import annotations

from typing import Any

import orjson

from llmanager_sdk.errors import UnsupportedInput


def encoded(value: Any) -> bytes:
    """The value as JSON.

    Raises:
        UnsupportedInput: it holds what JSON, or whoever reads it, cannot take.
    """
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise UnsupportedInput(
            f"this cannot be sent as JSON: {error}",
            step="build the request",
            hint="send texts that are valid Unicode, integers of 64 bits, lists and dictionaries",
        ) from error
