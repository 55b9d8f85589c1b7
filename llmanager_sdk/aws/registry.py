"""The registry of the platform `aws`: a new life bears who asked for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llmanager_sdk.core.life import Slot
from llmanager_sdk.registry.typed_dynamodb import DynamoRegistry


class SignedRegistry(DynamoRegistry):
    """Slots in a table.

    Args:
        creator: the ARN of who asks. It is called when a life begins and not before, since using
            what exists takes no call to STS.
    """

    def __init__(self, *args: Any, creator: Callable[[], str], **more: Any) -> None:
        super().__init__(*args, **more)
        self._creator = creator

    def swap(self, old: Slot, new: Slot) -> bool:
        """Compare and set on `rev`."""
        known = {life.gen for life in old.lives}
        lives = tuple(
            replace(life, creator=self._creator())
            if life.phase == "creating" and life.gen not in known and not life.creator
            else life
            for life in new.lives
        )
        return super().swap(old, replace(new, lives=lives))
