"""Reads a folder of text files into LangChain documents."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from langchain_core.documents import Document

from llmanager_sdk.errors import ConfigurationError

ENDINGS = (".md", ".markdown", ".txt", ".rst", ".html", ".htm")
LARGEST = 4 << 20
"""Files above this size, in bytes, are left out: nobody wrote them to be read."""
_SKIPPED = ("node_modules", "__pycache__", "site-packages")
_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.S | re.I)


def read_folder(folder: Path) -> list[Document]:
    """The text files of a folder and its subfolders, or one file; each with its `source`.

    Raises:
        ConfigurationError: there is no such folder, or no text in it.
    """
    if not folder.exists():
        raise ConfigurationError(f"there is no folder {folder}", step="read the documents")
    found = list(_read(folder))
    if not found:
        raise ConfigurationError(
            f"{folder} holds no documents",
            step="read the documents",
            hint=f"text files end with {', '.join(ENDINGS)}",
        )
    return found


def _read(folder: Path) -> Iterator[Document]:
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    base = folder.parent if folder.is_file() else folder
    for path in paths:
        inside = path.relative_to(base)
        if any(part.startswith(".") or part in _SKIPPED for part in inside.parts):
            continue
        if path.suffix.lower() not in ENDINGS or not path.is_file():
            continue
        if path.stat().st_size > LARGEST:
            continue
        try:
            text = path.read_text(errors="replace")
        except OSError as error:
            raise ConfigurationError(
                f"{inside} cannot be read: {error.strerror}",
                resource=str(path),
                step="read the documents",
                hint="make it readable, or move it away",
            ) from error
        if path.suffix.lower() in (".html", ".htm"):
            text = html.unescape(_TAGS.sub(" ", text))
        if text.strip():
            yield Document(text, metadata={"source": str(inside)})
