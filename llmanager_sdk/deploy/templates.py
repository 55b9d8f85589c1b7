"""The bundled templates of the stacks, as text."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from llmanager_sdk.errors import ConfigurationError

Name = Literal["template", "alarms"]
NAMES: tuple[Name, ...] = ("template", "alarms")
_PACKAGE = Path(__file__).resolve().parent.parent
_FOLDERS = (_PACKAGE / "infra", _PACKAGE.parent / "infra")
"""In an installed wheel, and in a checkout."""


def template(name: Name = "template") -> str:
    """The text of a template: "template" is the stack itself, "alarms" the optional second one.

    Raises:
        ConfigurationError: this installation lacks it.
    """
    for folder in _FOLDERS:
        path = folder / f"{name}.yaml"
        if path.exists():
            return path.read_text(encoding="utf-8")
    raise ConfigurationError(
        f"the template {name}.yaml is not part of this installation",
        step="read the template",
        hint="install the wheel again (pip install --force-reinstall llmanager-sdk); in a "
        "checkout: python infra/build.py",
    )
