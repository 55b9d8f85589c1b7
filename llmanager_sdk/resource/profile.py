"""What a chat face says of its model before anybody looked it up: LangChain's model profile."""

from __future__ import annotations

from typing import Any

CONTEXT = 8192
"""The tokens that each platform serves without a word from the user, if the model takes them."""


def expected(context: int | None, *, managed: bool) -> dict[str, Any]:
    """What can be promised.

    It promises no "structured_output": that is LangChain's word for tools and a schema in one
    call, and where tools are forced, the form of the call takes the place of the schema's.

    Args:
        context: as the user has it, in tokens.
        managed: it is served by an engine of ours; of others, only what the user said is known.
    """
    known = CONTEXT if managed and context is None else context
    told: dict[str, Any] = {"text_inputs": True, "text_outputs": True, "tool_calling": True}
    return told | ({} if known is None else {"max_input_tokens": known})
