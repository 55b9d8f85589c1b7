"""What a chat model's name stands for on local: weights, context, slots, and the spec of it all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmanager_sdk.catalog import DEFAULT_CHAT
from llmanager_sdk.core.life import Spec
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.local import gguf
from llmanager_sdk.local.machine import all_cores, engine_threads
from llmanager_sdk.local.weights import Missing, Weights, locate
from llmanager_sdk.ports.models import ChatModel
from llmanager_sdk.settings import Settings

CONTEXT = 8192
"""The context without a word from the user, in tokens, if the model was trained for it."""
SLOTS = 4
"""How many calls an engine works on at once, each with a context of its own, where there is memory
for it; the others wait in a queue."""
NAME = 128
"""The most characters of a deployment's name."""
_OPTIONS = ("context", "slots", "threads")


def resolve(
    model: str | None, deployment: str | None, options: Mapping[str, Any], settings: Settings
) -> ChatModel:
    """What to run for a name. Fetches nothing: `ChatModel.fetch` does.

    Args:
        model: a name of the catalog, a path, a Hugging Face id; None for the default.
        deployment: the name under which callers share it.
        options: context in tokens, slots, threads.
        settings: `local_model` stands in for every name.

    Raises:
        UnknownModel, ConfigurationError: it cannot be had, or an option makes no sense.
    """
    _check_name(deployment)
    chosen = _options(options)
    asked = model or settings.local_model or DEFAULT_CHAT
    own = asked.endswith(".gguf")
    found = locate(asked if own or not settings.local_model else settings.local_model, settings)
    missing = found if isinstance(found, Missing) else None
    if isinstance(found, Missing):
        context, body = _promised(found, chosen)
    else:
        context, body = _body(found, _trained(found), chosen)
    digest = spec_of("model", "", body).digest
    key = deployment or f"{found.name}-{digest[:6]}"
    return ChatModel(
        found.name if own else asked,
        found.name,
        Spec("model", key, body, digest),
        context,
        False,
        _profile(context),
        fetch=missing,
    )


def _trained(weights: Weights) -> int:
    """The context that a file was trained for, in tokens."""
    head = gguf.read(weights.path)
    if not head.has_chat_template:
        raise ConfigurationError(
            f"{weights.path.name} has no chat template: it is a base model, not one to talk to",
            resource=str(weights.path),
            step="read the head",
            hint="choose its -Instruct or -Chat variant",
        )
    return head.context


def _body(
    weights: Weights, trained: int, chosen: Mapping[str, int]
) -> tuple[int, Mapping[str, Any]]:
    """The context that is served, and all that makes this deployment another one."""
    context = chosen.get("context", min(trained, CONTEXT))
    return context, {
        "file": str(weights.path),
        **_identity(weights),
        "served": weights.name,
        "context": context,
        "slots": chosen.get("slots", SLOTS),
        "threads": chosen.get("threads", engine_threads(all_cores())),
    }


def _promised(missing: Missing, chosen: Mapping[str, int]) -> tuple[int, Mapping[str, Any]]:
    """The same before the file is here: exact where a pin says what it will be."""
    if missing.expected is not None and missing.entry is not None:
        return _body(missing.expected, missing.entry.context, chosen)
    return chosen.get("context", CONTEXT), {"served": missing.name, **chosen}


def _check_name(deployment: str | None) -> None:
    """It is shown in tables and typed in commands."""
    if deployment is None:
        return
    if not isinstance(deployment, str) or len(deployment) > NAME or not deployment.isprintable():
        raise ConfigurationError(
            f"deployment={str(deployment)[:NAME]!r} cannot be a name",
            step="find the weights",
            hint=f'write a text of at most {NAME} characters in one line: deployment="chat"',
        )


def _options(options: Mapping[str, Any]) -> dict[str, int]:
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise ConfigurationError(
            f"unknown option for a model on local: {', '.join(unknown)}",
            hint=f"known are {', '.join(_OPTIONS)}",
        )
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigurationError(
                f"{name}={value!r} is not a positive whole number", hint=f"write {name}=4096"
            )
    return dict(options)


def _identity(weights: Weights) -> dict[str, Any]:
    """What makes this file this file: its pin, or for a user's own, size and time."""
    if weights.sha256:
        return {"sha256": weights.sha256}
    stat = Path(weights.path).stat()
    return {"sha256": "", "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _profile(context: int) -> dict[str, Any]:
    """LangChain's model profile: text only; tools and schemas are forced by a grammar."""
    return {
        "max_input_tokens": context,
        "max_output_tokens": context,
        "text_inputs": True,
        "text_outputs": True,
        "image_inputs": False,
        "audio_inputs": False,
        "video_inputs": False,
        "tool_calling": True,
        "tool_choice": True,
        "structured_output": True,
        "reasoning_output": False,
    }
