"""A face as a context manager: its demand ends with the block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self


class Scoped:
    """The part of a face that a `with` block uses; its link does the work."""

    if TYPE_CHECKING:
        _link: Any

    def __enter__(self) -> Self:
        """From here on, this object's demand ends with the block."""
        self._link.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._link.__exit__(*error)

    async def __aenter__(self) -> Self:
        """From here on, this object's demand ends with the block."""
        await self._link.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._link.__aexit__(*error)
