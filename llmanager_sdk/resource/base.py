"""The verbs of every `.resource`; their asyncio twins are written here, once."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any, Literal

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.resource.status import Status

Strategy = Literal["beside", "recreate"]


class Resource(ABC):
    """The infrastructure behind a face. The twins run the blocking verb in a thread."""

    @abstractmethod
    def status(self) -> Status:
        """What there is now. Creates nothing."""

    @abstractmethod
    def warm(self, *, force: bool = False, wait_timeout: float | str | None = None) -> Status:
        """Bring it up now, so that the first use is quick.

        Args:
            force: try again although the last failure asks for patience.
            wait_timeout: the longest wait, instead of the object's own.
        """

    @abstractmethod
    def stop(self, *, force: bool = False, wait: bool = True) -> Status:
        """Free what it costs. Data stay, and the next use brings it back.

        Args:
            force: do not wait for open calls: they break.
            wait: wait until it is gone; else return at once.
        """

    def replace(
        self, *, strategy: Strategy = "beside", wait_timeout: float | str | None = None
    ) -> Status:
        """Put what this object asks for in the place of what else lives under its name.

        Raises:
            ConfigurationError: it is nothing of which two could live.
        """
        raise ConfigurationError(
            "replace() is for a model that llmanager serves under a deployment name",
            step="replace",
            hint="make another object for another spec",
        )

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

    async def areplace(self, **how: Any) -> Status:
        """`replace`, for asyncio."""
        return await asyncio.to_thread(lambda: self.replace(**how))

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


def not_ours(verb: str, name: str, where: str) -> ConfigurationError:
    """What is said of a verb that changes what llmanager has not made."""
    return ConfigurationError(
        f"{verb}() is for what llmanager made, and {name} existed before",
        resource=where,
        step=verb,
        hint="end it where it was made",
    )
