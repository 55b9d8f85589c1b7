"""Writes llmanager_sdk/catalog/images.json from the tables of the package sagemaker-core.

    pip download --no-deps sagemaker-core && python infra/make_images.py sagemaker_core-*.whl

Only facts are taken: the newest tag of each family, and which account serves it in which region.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = "sagemaker/core/image_uri_config/"
TARGET = Path(__file__).resolve().parent.parent / "llmanager_sdk" / "catalog" / "images.json"
FAMILIES = {
    "vllm": ("vllm.json", "gpu"),
    "sglang": ("sglang.json", "gpu"),
    "lmi": ("djl-lmi.json", ""),
    "tei": ("huggingface-tei.json", "gpu"),
    "tei-cpu": ("huggingface-tei-cpu.json", "cpu"),
    "llamacpp-cpu": ("huggingface-llamacpp.json", "cpu"),
}
"""Our name: their file, and the processor."""

Read = Callable[[str], dict[str, Any]]


def reader(source: Path) -> Read:
    """Reads a table from a wheel, or from a folder that holds them."""
    if source.is_dir():
        return lambda name: json.loads((source / name).read_text())
    archive = zipfile.ZipFile(io.BytesIO(source.read_bytes()))
    return lambda name: json.loads(archive.read(FOLDER + name))


def family(table: dict[str, Any], processor: str) -> dict[str, Any]:
    """The newest version of one table."""
    table = table.get("inference", table)
    newest = max(table["versions"], key=_order)
    found = table["versions"][newest]
    tag = found["tag_prefix"]
    if "container_version" in found:
        parts = [tag, processor, *found.get("py_versions", [])[-1:]]
        tag = "-".join([*parts, found["container_version"][processor]])
    accounts = dict(sorted(found["registries"].items()))
    return {"repository": found["repository"], "tag": tag, "accounts": accounts}


def _order(version: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in version.split("."))


def make(read: Read, source: str, date: str) -> dict[str, Any]:
    """The whole file."""
    families = {name: family(read(file), kind) for name, (file, kind) in FAMILIES.items()}
    return {"date": date, "source": source, "families": families}


def main(words: list[str]) -> None:
    """Write the file."""
    source = Path(words[0])
    today = datetime.now(UTC).date().isoformat()
    made = make(reader(source), f"sagemaker-core, {source.stem.split('-py3')[0]}", today)
    TARGET.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
