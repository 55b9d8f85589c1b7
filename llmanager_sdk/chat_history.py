"""`ChatHistory`: the messages of one conversation, kept; and a short bridge to LangGraph agents."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.forks import forget_after_fork
from llmanager_sdk.history_messages import dumped, loaded, unreadable
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.history import ID_MOST, HistoryStore, SessionInfo, Stored, encoded
from llmanager_sdk.ports.history_keys import is_again
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.settings import seconds

try:  # gone in langchain-core 2.0; this class outlives it
    from langchain_core.chat_history import BaseChatMessageHistory as _Base
except ImportError:  # pragma: no cover - with langchain-core 2.0
    _Base = object  # type: ignore[assignment, misc]

log = logging.getLogger("llmanager_sdk")

TTL_MOST = 100 * 365 * 86400.0
"""The longest time that a session may last after its latest message, in seconds."""


class ChatHistory(_Base):
    """The messages of one conversation, in the order in which they were added.

    Making one does no I/O, and reading creates nothing: a session begins with its first message.
    Many threads and processes may add to one session; what one call adds stays together. A message
    is known by its id, so that a call may be repeated: one that is there already is not added. One
    without an id gets one. An answer of a cache bears the same id each time: added in one call with
    its question, it is kept each time. One that says something else under a known id is kept, too.

    Args:
        session_id: any text of up to 512 characters.
        platform: "local", "aws", or a platform object; what the settings say for None.
        ttl: the session ends that long after its latest message: seconds, or "30d". None leaves its
            end as it is, so one that had none has none; "never" takes its end away. What has ended
            is not read any more, and removed by later appends.
        limit: `messages` gives the last so many; all for None.

    Raises:
        ConfigurationError: an argument makes no sense.
    """

    def __init__(
        self,
        session_id: str,
        *,
        platform: str | Platform | None = None,
        ttl: float | Literal["never"] | str | None = None,
        limit: int | None = None,
    ) -> None:
        self.session_id = _session(session_id)
        self.ttl = _lifetime(ttl)
        self.limit = None if limit is None else _count(limit, "limit", 1)
        self._platform = platform
        self._forget()
        forget_after_fork(self)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._store: HistoryStore | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What the constructor was told."""
        return {name: x for name, x in self.__dict__.items() if name not in ("_lock", "_store")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()
        forget_after_fork(self)

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
        return _loaded(self._read(), self.session_id)

    def _read(self) -> list[Stored]:
        store = self._kept()
        if self.limit is None:
            return store.read(self.session_id)
        return store.last(self.session_id, self.limit)

    async def aget_messages(self) -> list[BaseMessage]:
        """`messages`, for asyncio."""
        return await asyncio.to_thread(lambda: self.messages)

    def last(self, n: int) -> list[BaseMessage]:
        """The last n messages in order; reads n, not all."""
        found = self._kept().last(self.session_id, _count(n, "n"))
        return _loaded(found, self.session_id)

    async def alast(self, n: int) -> list[BaseMessage]:
        """`last`, for asyncio."""
        return await asyncio.to_thread(self.last, n)

    # -- writing -------------------------------------------------------------------------------

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages behind what is there, all or none. The same call repeated adds nothing.

        Raises:
            ConfigurationError: one of them is no message, or cannot be kept.
            StoreNotWritable: the disk is full or read-only; nothing was added.
        """
        self._kept().append(self.session_id, _stored(messages), self.ttl, again=True)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """`add_messages`, for asyncio."""
        await asyncio.to_thread(self.add_messages, messages)

    def add_message(self, message: BaseMessage) -> None:
        """Add one message."""
        self.add_messages([message])

    # langchain-core 2.0 has no base class that would bring these two.

    def add_user_message(self, message: HumanMessage | str) -> None:
        """Add what a person says."""
        self.add_message(HumanMessage(message) if isinstance(message, str) else message)

    def add_ai_message(self, message: AIMessage | str) -> None:
        """Add what a model says."""
        self.add_message(AIMessage(message) if isinstance(message, str) else message)

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
        for text in (prefix, after):
            encoded(text)
        return resolve(platform).history().sessions(prefix, _count(limit, "limit"), after)

    @staticmethod
    def delete_session(session_id: str, *, platform: str | Platform | None = None) -> None:
        """Remove a conversation; one that is not there is no error."""
        resolve(platform).history().clear(_session(session_id))

    @staticmethod
    async def asessions(prefix: str = "", **how: Any) -> list[SessionInfo]:
        """`sessions`, for asyncio."""
        return await asyncio.to_thread(lambda: ChatHistory.sessions(prefix, **how))

    @staticmethod
    async def adelete_session(session_id: str, **how: Any) -> None:
        """`delete_session`, for asyncio."""
        await asyncio.to_thread(lambda: ChatHistory.delete_session(session_id, **how))

    # -- LangGraph -----------------------------------------------------------------------------

    def load(self) -> dict[str, list[BaseMessage]]:
        """A thread's state, as an agent of LangGraph takes it: `agent.invoke(history.load())`.

        Of messages with one id LangGraph keeps the last. So what was said once more under the id of
        an earlier message bears another id here.
        """
        read = self._read()
        for message, stored in zip(found := _loaded(read, self.session_id), read, strict=True):
            if is_again(stored.id):
                message.id = stored.id
        return {"messages": found}

    def store(self, state: Mapping[str, Any]) -> int:
        """Keep what an agent's answer adds to the conversation; how many messages were new.

        Messages are known by their id, so the whole state may be passed: `history.store(
        agent.invoke({"messages": [*history.load()["messages"], question]}))`. What the agent has
        replaced by another message of the same id is kept beside that one.

        Raises:
            ConfigurationError: this is no state, or one of its messages cannot be kept.
            StoreNotWritable: as `add_messages`.
        """
        messages = state.get("messages") if isinstance(state, Mapping) else None
        if not isinstance(messages, Sequence) or isinstance(messages, str):
            raise ConfigurationError(
                "the state has no messages",
                step="store",
                hint="pass what an agent's invoke() gives: a dictionary with 'messages'",
            )
        return self._kept().append(self.session_id, _stored(messages), self.ttl)

    async def aload(self) -> dict[str, list[BaseMessage]]:
        """`load`, for asyncio."""
        return await asyncio.to_thread(self.load)

    async def astore(self, state: Mapping[str, Any]) -> int:
        """`store`, for asyncio."""
        return await asyncio.to_thread(self.store, state)


def _session(given: str) -> str:
    if not isinstance(given, str) or not given or len(given) > ID_MOST:
        raise ConfigurationError(
            f"session_id must be text of 1 to {ID_MOST} characters",
            hint="name the conversation, such as ChatHistory('user-42')",
        )
    encoded(given)
    return given


def _count(given: int, what: str, least: int = 0) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or given < least:
        raise ConfigurationError(f"{what}={given!r} must be a whole number, at least {least}")
    return given


def _lifetime(given: float | str | None) -> float | None:
    """What the stores call `ttl`."""
    if given is None:
        return None
    if given == "never":
        return math.inf
    try:
        number = seconds(given, "ttl")
    except (TypeError, OverflowError):
        number = 0.0
    if not 0 < number <= TTL_MOST:
        raise ConfigurationError(
            f"ttl={given!r} is no time that a conversation may last",
            hint="write seconds, or '30d'; up to 100 years, or 'never'",
        )
    return number


def _stored(messages: Sequence[BaseMessage]) -> list[Stored]:
    """All messages as text, before the first is written.

    One without an id gets one, on the caller's own object, as LangGraph does it: by it the message
    is known when the same call is made again.
    """
    made = []
    for i, message in enumerate(messages):
        if not isinstance(message, BaseMessage):
            raise ConfigurationError(
                f"message {i} is of type {type(message).__name__}, not a message",
                step="add messages",
                hint="add HumanMessage, AIMessage, ... of langchain_core.messages",
            )
        if not message.id:
            message.id = str(uuid.uuid4())
        try:
            made.append(Stored(str(message.id), dumped(message)))
        except ConfigurationError as error:
            raise ConfigurationError(
                f"message {i} cannot be kept: {error.message}",
                step="add messages",
                hint=error.hint,
            ) from error
    return made


def _loaded(stored: Sequence[Stored], session: str) -> list[BaseMessage]:
    """The messages, and a word about those that cannot be read."""
    messages = [loaded(each) for each in stored]
    if lost := sum(map(unreadable, messages)):
        log.warning(
            "llmanager: of %r, %d of %d messages cannot be read; what is left of them is shown",
            session,
            lost,
            len(messages),
        )
    return messages
