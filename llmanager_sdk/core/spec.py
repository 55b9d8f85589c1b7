"""The identity of what is deployed, made from what it says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from llmanager_sdk.core.life import Spec


def spec_of(kind: str, key: str, body: Mapping[str, Any]) -> Spec:
    """The spec with the sha256 digest of its canonical JSON."""
    text = json.dumps([kind, body], sort_keys=True, separators=(",", ":"))
    return Spec(kind, key, body, hashlib.sha256(text.encode()).hexdigest())
