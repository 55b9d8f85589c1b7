"""From what a user says ("local", an object, nothing) to a platform; one per settings."""

from __future__ import annotations

import threading
from dataclasses import replace

from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.settings import Settings

_made: dict[Settings, Platform] = {}
_lock = threading.Lock()


def resolve(platform: str | Platform | None = None) -> Platform:
    """The platform to use.

    Args:
        platform: a name, an object that is one, or None for what the settings say.

    Raises:
        ConfigurationError: no such platform, or its parts are not installed.
    """
    if platform is not None and not isinstance(platform, str):
        return platform
    settings = Settings.load()
    if platform is not None:
        settings = replace(settings, platform=platform)
    with _lock:
        if settings not in _made:
            _made[settings] = _make(settings)
        return _made[settings]


def _make(settings: Settings) -> Platform:
    if settings.platform == "aws":
        from llmanager_sdk.aws.platform import AwsPlatform

        return AwsPlatform(settings)
    from llmanager_sdk.local.platform import LocalPlatform

    return LocalPlatform(settings)
