"""Deleting what resources that are gone wrote."""

from __future__ import annotations

from llmanager_sdk.ports.platform import Platform

STAY = "the logs stay in CloudWatch"
"""What is said on aws: log groups are SageMaker's, and nobody's policy lets us delete them."""


def forget(platform: Platform, key: str) -> bool:
    """Delete the logs of the gone lives of a key; False where they stay."""
    if platform.name != "local":
        return False
    from llmanager_sdk.local import logs

    lives = platform.keeper.engine.registry.read(key).lives
    keep = {life.names["run"] for life in lives if life.phase != "gone"}
    logs.forget(platform.settings.home / "run", {life.names["run"] for life in lives}, keep)
    return True
