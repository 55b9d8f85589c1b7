"""From what a user says ("local", an object, nothing) to a platform; one per settings."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.settings import Settings

_made: dict[Settings, Platform] = {}
_lock = threading.Lock()


def _forget() -> None:
    """In a forked child: another thread of the parent may have held it."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


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
            _made[settings] = make(settings)
        return _made[settings]


def make(settings: Settings) -> Platform:
    """A platform under these settings, for one use.

    Raises:
        ConfigurationError: its parts are not installed.
    """
    if settings.platform == "aws":
        try:
            from llmanager_sdk.aws.platform import AwsPlatform
        except ModuleNotFoundError as error:
            if error.name not in ("boto3", "botocore"):
                raise
            raise ConfigurationError(
                "the platform 'aws' needs boto3", hint="pip install 'llmanager-sdk[aws]'"
            ) from error
        return AwsPlatform(settings)
    from llmanager_sdk.local.platform import LocalPlatform

    return LocalPlatform(settings)
