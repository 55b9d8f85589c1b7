"""`ChatHistory`: the messages of one conversation, kept; and a short bridge to LangGraph agents."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, message_to_dict, messages_from_dict

from llmanager_sdk.errors import ConfigurationError, StoreCorrupt
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.history import HistoryStore, SessionInfo, Stored
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.settings import seconds

try:  # gone in langchain-core 2.0; this class outlives it
    from langchain_core.chat_history import BaseChatMessageHistory as _Base
except ImportError:  # pragma: no cover - with langchain-core 2.0
    _Base = object  # type: ignore[assignment, misc]

ID_MOST = 512
"""The longest session id, in characters."""


class ChatHistory(_Base):
    """The messages of one conversation, in the order in which they were added.

    Making one does no I/O, and reading creates nothing: a session begins with its first message.
    Many threads and processes may add to one session; what one call adds stays together. Adding a
    message whose id is there already changes nothing, so that a call may be repeated.

    Args:
        session_id: any text of up to 512 characters.
        platform: "local", or a platform object; what the settings say for None.
        ttl: the session ends that long after its latest message: seconds, or "30d"; never for
            None. What has ended is not read any more, and removed by later appends.
        limit: `messages` gives the last so many; all for None.

    Raises:
        ConfigurationError: an argument makes no sense.
    """

    def __init__(
        self,
        session_id: str,
        *,
        platform: str | Platform | None = None,
        ttl: float | str | None = None,
        limit: int | None = None,
    ) -> None:
        if not isinstance(session_id, str) or not session_id or len(session_id) > ID_MOST:
            raise ConfigurationError(
                f"session_id must be text of 1 to {ID_MOST} characters",
                hint="name the conversation, such as ChatHistory('user-42')",
            )
        if limit is not None and limit < 1:
            raise ConfigurationError(f"limit={limit!r} must be at least 1")
        self.session_id = session_id
        self.ttl = None if ttl is None else seconds(ttl, "ttl")
        self.limit = limit
        self._platform = platform
        self._lock = threading.Lock()
        self._store: HistoryStore | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What the constructor was told."""
        return {name: x for name, x in self.__dict__.items() if name not in ("_lock", "_store")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
        self._store = None

    def __repr__(self) -> str:
        """Which conversation, without reading it."""
        return f"ChatHistory({self.session_id!r})"

    def __str__(self) -> str:
        """Which conversation, without reading it."""
        return repr(self)

    def _kept(self) -> HistoryStore:
        with self._lock:
            if self._store is None:
                self._store = resolve(self._platform).history()
            return self._store

    # -- reading -------------------------------------------------------------------------------

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The messages in order: all, or the last `limit`."""
        return self.last(self.limit) if self.limit else _loaded(self._read(), self.session_id)

    def _read(self) -> list[Stored]:
        return self._kept().read(self.session_id)

    async def aget_messages(self) -> list[BaseMessage]:
        """`messages`, for asyncio."""
        return await asyncio.to_thread(lambda: self.messages)

    def last(self, n: int) -> list[BaseMessage]:
        """The last n messages in order; reads n, not all."""
        if n < 0:
            raise ConfigurationError(f"last({n}) makes no sense")
        return _loaded(self._kept().last(self.session_id, n), self.session_id)

    async def alast(self, n: int) -> list[BaseMessage]:
        """`last`, for asyncio."""
        return await asyncio.to_thread(self.last, n)

    # -- writing -------------------------------------------------------------------------------

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages behind what is there, all or none.

        Raises:
            ConfigurationError: one of them is no message, or cannot be kept.
            StoreNotWritable: the disk is full or read-only; nothing was added.
        """
        self._kept().append(self.session_id, _stored(messages), self.ttl)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """`add_messages`, for asyncio."""
        await asyncio.to_thread(self.add_messages, messages)

    def add_message(self, message: BaseMessage) -> None:
        """Add one message."""
        self.add_messages([message])

    def clear(self) -> None:
        """Remove the conversation."""
        self._kept().clear(self.session_id)

    async def aclear(self) -> None:
        """`clear`, for asyncio."""
        await asyncio.to_thread(self.clear)

    # -- all conversations ---------------------------------------------------------------------

    @staticmethod
    def sessions(
        prefix: str = "",
        *,
        limit: int = 100,
        after: str = "",
        platform: str | Platform | None = None,
    ) -> list[SessionInfo]:
        """Conversations by id, `limit` at a time, beginning behind the id `after`."""
        return resolve(platform).history().sessions(prefix, limit, after)

    @staticmethod
    def delete_session(session_id: str, *, platform: str | Platform | None = None) -> None:
        """Remove a conversation; one that is not there is no error."""
        resolve(platform).history().clear(session_id)

    # -- LangGraph -----------------------------------------------------------------------------

    def load(self) -> dict[str, list[BaseMessage]]:
        """A thread's state, as an agent of LangGraph takes it: `agent.invoke(history.load())`."""
        return {"messages": self.messages}

    def store(self, state: Mapping[str, Any]) -> int:
        """Keep what an agent's answer adds to the conversation; how many messages were new.

        Messages are known by their id, so the whole state may be passed: `history.store(
        agent.invoke({"messages": [*history.messages, question]}))`.
        """
        return self._kept().append(self.session_id, _stored(state["messages"]), self.ttl)

    async def aload(self) -> dict[str, list[BaseMessage]]:
        """`load`, for asyncio."""
        return await asyncio.to_thread(self.load)

    async def astore(self, state: Mapping[str, Any]) -> int:
        """`store`, for asyncio."""
        return await asyncio.to_thread(self.store, state)


def _stored(messages: Sequence[BaseMessage]) -> list[Stored]:
    """All messages as text, before the first is written."""
    made = []
    for i, message in enumerate(messages):
        if not isinstance(message, BaseMessage):
            raise ConfigurationError(
                f"message {i} is of type {type(message).__name__}, not a message",
                step="add messages",
                hint="add HumanMessage, AIMessage, ... of langchain_core.messages",
            )
        kept = message if message.id else message.model_copy(update={"id": str(uuid.uuid4())})
        try:
            body = json.dumps(message_to_dict(kept), ensure_ascii=False)
            body.encode()
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"message {i} cannot be kept: {error}",
                step="add messages",
                hint="its content and artifact must be plain data",
            ) from error
        made.append(Stored(str(kept.id), body))
    return made


def _loaded(stored: Sequence[Stored], session: str) -> list[BaseMessage]:
    try:
        return messages_from_dict([json.loads(each.body) for each in stored])
    except (ValueError, KeyError, TypeError) as error:
        raise StoreCorrupt(
            f"a message of {session!r} cannot be read: {error}",
            resource=session,
            step="read messages",
            hint="it was written by something else; export and repair the session",
        ) from error
