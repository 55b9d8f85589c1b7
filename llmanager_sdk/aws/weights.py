"""Weights that somebody guards: the Hugging Face token, and whether it opens the door."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from llmanager_sdk.core.life import Life
from llmanager_sdk.errors import ConfigurationError, PermissionMissing
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import NotReached, Refused, Timeouts, TooSlow

HUB = "https://huggingface.co"
_NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def _token() -> str:
    return next((os.environ[name] for name in _NAMES if os.environ.get(name)), "")


def token(life: Life) -> Mapping[str, str]:
    """The environment variable that a container loads weights from the hub with.

    It is in the description of the SageMaker model, for all who may read that; it is in no
    registry, no spec and no log of ours.
    """
    body, found = life.spec.body, _token()
    return {"HF_TOKEN": found} if found and body.get("hub") else {}


def licence(body: Mapping[str, Any], hub: str = HUB) -> str:
    """Check that gated weights may be loaded, before anything is created.

    Returns:
        What was checked; empty where nothing had to be.

    Raises:
        ConfigurationError: there is no token.
        PermissionMissing: the licence was not accepted with it.
    """
    if not body.get("gated"):
        return ""
    page = f"{hub}/{body['hub']}"
    found = _token()
    if not found:
        raise ConfigurationError(
            f"the weights of {body['hub']} are gated, and no token is set",
            step="plan",
            hint=f"accept the licence at {page}, then set HF_TOKEN",
        )
    url = f"{page}/resolve/main/config.json"
    headers = {"Authorization": f"Bearer {found}"}
    try:
        sync.request("GET", url, None, headers, Timeouts(5.0, 10.0))
    except Refused as refused:
        if refused.status in (401, 403):
            raise PermissionMissing(
                f"the weights of {body['hub']} may not be loaded with this token "
                f"(status {refused.status})",
                step="plan",
                hint=f"accept the licence at {page} with the account of the token",
            ) from refused
        if refused.status not in (301, 302, 307, 308):
            return ""
    except (NotReached, TooSlow):
        return ""
    return "licence"
