"""Who else uses a namespace of an account: reapers that live, and what is not gone, by whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmanager_sdk.aws.guard import Beat, spending

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform


@dataclass(frozen=True)
class User:
    """One life, for people.

    Attributes:
        price: at most, $/h.
        creator: the ARN of who first asked for it.
    """

    key: str
    phase: str
    price: float
    creator: str


@dataclass(frozen=True)
class InUse:
    """What an account says of a namespace.

    Attributes:
        arn: who asks.
        cap: $/h, of everything together.
        off_by: who turned the reapers off.
    """

    account: str
    region: str
    arn: str
    cap: float
    off_by: str
    reapers: tuple[Beat, ...]
    lives: tuple[User, ...]

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return vars(self) | {
            "reapers": [beat._asdict() for beat in self.reapers],
            "lives": [vars(life) for life in self.lives],
        }


def in_use(platform: AwsPlatform) -> InUse:
    """Ask the account; creates nothing.

    Raises:
        CredentialsMissing, PermissionMissing, CloudUnavailable, RegistryError: it cannot be asked.
    """
    engine, who = platform.keeper.engine, platform.account.identity()
    words = platform.beats.words()
    return InUse(
        who.account,
        platform.account.region,
        who.arn,
        platform.stack.cap(platform.settings.cap),
        words.off_by,
        tuple(words.living(engine.clock.time())),
        tuple(
            User(key, life.phase, life.price, life.creator)
            for key, life in spending(engine.registry)
        ),
    )
