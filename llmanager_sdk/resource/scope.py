"""A face as a context manager: its demand ends with the block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self


class Scoped:
    """The part of a face that a `with` block uses; its link, or all of them, do the work."""

    if TYPE_CHECKING:
        _link: Any

    @property
    def _scope(self) -> Any:
        """What is entered and left with the face."""
        return self._link

    def __enter__(self) -> Self:
        """From here on, this object's demand ends with the block."""
        self._scope.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._scope.__exit__(*error)

    async def __aenter__(self) -> Self:
        """From here on, this object's demand ends with the block."""
        await self._scope.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._scope.__aexit__(*error)
