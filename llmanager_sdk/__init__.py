"""Models, vectors and chat history that create, share and remove themselves, for LangChain.

    from llmanager_sdk import ManagedLLM, ManagedEmbeddings, ManagedVectorStore, ChatHistory

Every name is imported on first use: this module itself loads neither LangChain nor boto3.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from llmanager_sdk.version import VERSION

if TYPE_CHECKING:
    from llmanager_sdk.chat_history import ChatHistory
    from llmanager_sdk.chat_model import ManagedLLM
    from llmanager_sdk.embeddings import ManagedEmbeddings
    from llmanager_sdk.errors import LLManagerError, ResourceWarming
    from llmanager_sdk.resource.chain import awarm, warm
    from llmanager_sdk.vector_store import ManagedVectorStore

__version__ = VERSION

_HOMES = {
    "ChatHistory": "chat_history",
    "LLManagerError": "errors",
    "ManagedEmbeddings": "embeddings",
    "ManagedLLM": "chat_model",
    "ManagedVectorStore": "vector_store",
    "ResourceWarming": "errors",
    "awarm": "resource.chain",
    "warm": "resource.chain",
}

__all__ = [
    "ChatHistory",
    "LLManagerError",
    "ManagedEmbeddings",
    "ManagedLLM",
    "ManagedVectorStore",
    "ResourceWarming",
    "awarm",
    "warm",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
