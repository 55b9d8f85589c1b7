"""`warm`: bring up everything that a chain needs, in parallel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.resource.status import Status

DEPTH = 12
"""How deep a chain is searched for faces."""


def warm(*things: object) -> list[Status]:
    """Bring up faces, or whatever faces a chain, agent or retriever holds, in parallel.

    Args:
        things: faces, resources, or runnables that hold some.

    Returns:
        A status for each resource found, in order.

    Raises:
        ConfigurationError: nothing to warm was found in one of them.
        LLManagerError: what the first resource that failed says, once all have been tried.
    """
    found = _resources(things)
    with ThreadPoolExecutor(max_workers=len(found) or 1) as pool:
        jobs = [pool.submit(each.warm) for each in found]
    return [job.result() for job in jobs]


async def awarm(*things: object) -> list[Status]:
    """`warm`, for asyncio."""
    found = _resources(things)
    results = await asyncio.gather(*(each.awarm() for each in found), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if isinstance(result, Status)]


def _resources(things: tuple[object, ...]) -> list[Any]:
    found: dict[int, Any] = {}
    seen: set[int] = set()
    for thing in things:
        known = id(thing) in seen
        inside = {id(each): each for each in _search(thing, seen, DEPTH)}
        if not inside and not known:
            shown = thing if isinstance(thing, str) else type(thing).__name__
            raise ConfigurationError(
                f"nothing to warm was found in {shown!r}",
                step="warm",
                hint="pass a ManagedLLM, ManagedEmbeddings, ManagedVectorStore, or a chain of them",
            )
        found |= inside
    return list(found.values())


def _search(thing: object, seen: set[int], depth: int) -> Iterator[Any]:
    if depth == 0 or id(thing) in seen or isinstance(thing, str | bytes | int | float | type):
        return
    seen.add(id(thing))
    if callable(getattr(thing, "awarm", None)) and callable(getattr(thing, "status", None)):
        yield thing
        return
    if (resource := getattr(thing, "resource", None)) is not None:
        yield from _search(resource, seen, depth - 1)
    for inner in _inside(thing):
        yield from _search(inner, seen, depth - 1)


def _inside(thing: object) -> list[object]:
    if isinstance(thing, Mapping):
        return list(thing.values())
    if isinstance(thing, list | tuple | set):
        return list(thing)
    module = type(thing).__module__
    if module.startswith(("langchain", "langgraph", "llmanager_sdk")):
        # The link of a face is what its `.resource` shows, where it has one.
        inner = [x for name, x in getattr(thing, "__dict__", {}).items() if name != "_link"]
        return inner + list(getattr(thing, "deps", None) or [])
    return []
