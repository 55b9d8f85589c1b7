"""Progress of a start as LangChain's custom events, named "llmanager_progress"."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.callbacks.manager import (
    adispatch_custom_event,
    ahandle_event,
    dispatch_custom_event,
    handle_event,
)

if TYPE_CHECKING:
    from llmanager_sdk.core.ports import Notify, Progress

EVENT = "llmanager_progress"

_running: set[asyncio.Task[None]] = set()


def _event(manager: Any, progress: Progress) -> tuple[tuple[Any, ...], dict[str, Any]]:
    positional = (manager.handlers, "on_custom_event", "ignore_custom_event", EVENT)
    named = {"run_id": manager.run_id, "tags": manager.tags, "metadata": manager.metadata}
    return (*positional, progress._asdict()), named


def from_manager(manager: CallbackManagerForLLMRun | None) -> Notify | None:
    """Events of the run that a call belongs to."""
    if manager is None:
        return None

    def notify(progress: Progress) -> None:
        positional, named = _event(manager, progress)
        handle_event(*positional, **named)

    return notify


def from_manager_async(manager: AsyncCallbackManagerForLLMRun | None) -> Notify | None:
    """`from_manager`, for asyncio."""
    if manager is None:
        return None

    def notify(progress: Progress) -> None:
        positional, named = _event(manager, progress)
        _later(ahandle_event(*positional, **named))

    return notify


def from_parent() -> Notify:
    """Events of the surrounding chain; streams get no run of their own from LangChain."""

    def notify(progress: Progress) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            _tell(progress)
        else:
            _later(_atell(progress))

    return notify


def _tell(progress: Progress) -> None:
    try:
        dispatch_custom_event(EVENT, progress._asdict())
    except RuntimeError:
        return  # a model that is called alone has no parent run to tell


async def _atell(progress: Progress) -> None:
    try:
        await adispatch_custom_event(EVENT, progress._asdict())
    except RuntimeError:
        return  # a model that is called alone has no parent run to tell


def _later(work: Any) -> None:
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
