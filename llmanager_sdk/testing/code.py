"""The core that a simulation runs: the one that is imported, or a rewritten private copy."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

MODULES = (
    "life",
    "claims",
    "ports",
    "drivers",
    "async_driver",
    "sweep",
    "engine",
    "verbs",
    "flight",
    "lease",
    "keeper",
)
"""The modules of `llmanager_sdk.core`, each after those that it imports."""


class Code:
    """The names of the core that actors use, looked up once.

    Args:
        modules: by their short names; the installed ones by default.
    """

    def __init__(self, modules: dict[str, ModuleType] | None = None) -> None:
        if modules is None:
            modules = {
                name: importlib.import_module(f"llmanager_sdk.core.{name}") for name in MODULES
            }
        self.modules = modules
        life, claims, drivers = modules["life"], modules["claims"], modules["drivers"]
        self.Slot: Any = life.Slot
        self.Life: Any = life.Life
        self.Spec: Any = life.Spec
        self.Seen: Any = life.Seen
        self.Timing: Any = life.Timing
        self.Want: Any = claims.Want
        self.Effect: Any = drivers.Effect
        self.Sleep: Any = drivers.Sleep
        self.Page: Any = life.Page
        self.Engine: Any = modules["engine"].Engine
        self.sweep: Any = modules["sweep"].sweep
        self.verbs: Any = modules["verbs"]
        self.Lease: Any = modules["lease"].Lease
