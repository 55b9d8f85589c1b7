"""The verbs of every `.resource`; their asyncio twins are written here, once."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.resource.status import Status


class Resource(ABC):
    """The infrastructure behind a face. The twins run the blocking verb in a thread."""

    @abstractmethod
    def status(self) -> Status:
        """What there is now. Creates nothing."""

    @abstractmethod
    def warm(self) -> Status:
        """Bring it up now, so that the first use is quick."""

    @abstractmethod
    def stop(self, *, force: bool = False) -> Status:
        """Free what it costs. Data stay, and the next use brings it back."""

    @abstractmethod
    def destroy(self, *, yes: bool = False) -> Status:
        """Delete it with its data.

        Raises:
            ConfigurationError: `yes` was not given.
        """

    @abstractmethod
    def pin(self, duration: float | str) -> Status:
        """Keep it for that long, whether it is used or not."""

    @abstractmethod
    def logs(self, lines: int = 50) -> str:
        """The last lines that it wrote; empty if there are none."""

    async def astatus(self) -> Status:
        """`status`, for asyncio."""
        return await asyncio.to_thread(self.status)

    async def awarm(self, **how: Any) -> Status:
        """`warm`, for asyncio."""
        return await asyncio.to_thread(lambda: self.warm(**how))

    async def astop(self, **how: Any) -> Status:
        """`stop`, for asyncio."""
        return await asyncio.to_thread(lambda: self.stop(**how))

    async def adestroy(self, *, yes: bool = False) -> Status:
        """`destroy`, for asyncio."""
        return await asyncio.to_thread(lambda: self.destroy(yes=yes))

    async def apin(self, duration: float | str) -> Status:
        """`pin`, for asyncio."""
        return await asyncio.to_thread(self.pin, duration)

    async def alogs(self, lines: int = 50) -> str:
        """`logs`, for asyncio."""
        return await asyncio.to_thread(self.logs, lines)


def agree(yes: bool, what: str) -> None:
    """Ask before data are deleted: in code, the question is an error."""
    if not yes:
        raise ConfigurationError(
            f"destroy() would delete {what}",
            step="destroy",
            hint="say destroy(yes=True) if that is meant; stop() frees what it uses and keeps data",
        )
