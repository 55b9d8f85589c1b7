"""One Lance table on disk: opening, committing, and what its errors mean.

Every change is one commit, so readers see whole changes only. Writers of one machine take turns by
a file lock, which the system takes back from one that is killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llmanager_sdk.errors import (
    ConfigurationError,
    EmbeddingMismatch,
    LLManagerError,
    StoreCorrupt,
    StoreNotWritable,
)
from llmanager_sdk.sqlite_file import refuse_network, translated

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MARK = b"llmanager"
_SYSTEM = {"No space left": 28, "Read-only file system": 30, "Permission denied": 13, "quota": 122}


class Table:
    """A table that is made by its first write.

    Args:
        folder: of all stores.
        name: of this one.
    """

    def __init__(self, folder: Path, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} cannot be the name of a store",
                hint="use up to 64 letters, digits, '-', '_' and '.', beginning with one of the "
                "first two",
            )
        self.folder = folder
        self.name = name
        self.path = folder / f"{name}.lance"
        self._held: tuple[int, int, Any] | None = None
        self._lock = threading.Lock()

    def open(self) -> Any | None:
        """The table at its latest version; None if it was never written."""
        with self._lock, self.translating("open"):
            try:
                inode = self.path.joinpath("_versions").stat().st_ino
            except FileNotFoundError:
                self._held = None
                return None
            held = self._held
            if held is not None and held[:2] == (os.getpid(), inode):
                held[2].checkout_latest()
                return held[2]
            if not any(self.path.joinpath("_versions").iterdir()):
                return None
            table = self._database().open_table(self.name)
            self._held = (os.getpid(), inode, table)
            return table

    def mark(self, table: Any) -> tuple[int, int]:
        """Tells this version of this table from every other, one of the same name too."""
        return self.path.joinpath("_versions").stat().st_ino, int(table.version)

    def pinned(self, version: int) -> Any:
        """A handle of its own that stays at a version, whatever others do."""
        table = self._database().open_table(self.name)
        table.checkout(version)
        return table

    def _database(self) -> Any:
        # Lance's engine warns on stderr about what is none of a user's business.
        os.environ.setdefault("LANCE_LOG", "error")
        import lancedb

        return lancedb.connect(self.folder)

    def create(self, rows: Any, identity: Mapping[str, Any]) -> None:
        """Make the table with its first rows, in one commit. Under `writing` only."""
        with self.translating("create"):
            if self.path.exists():  # left by one that was killed before its first commit
                shutil.rmtree(self.path)
            marked = rows.replace_schema_metadata({_MARK: json.dumps(dict(identity))})
            try:
                self._database().create_table(self.name, data=marked)
            except BaseException:
                shutil.rmtree(self.path, ignore_errors=True)
                raise

    @contextmanager
    def writing(self) -> Iterator[None]:
        """This process's turn to write."""
        refuse_network(self.path)
        with self.translating("write"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.lock_path.open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    @property
    def lock_path(self) -> Path:
        """The file whose lock is a writer's turn."""
        return self.folder / f".{self.name}.lock"

    def drop(self) -> None:
        """Delete the table."""
        if self.path.exists():
            with self.writing(), self._lock:
                self._held = None
                shutil.rmtree(self.path)

    @contextmanager
    def translating(self, step: str) -> Iterator[None]:
        """Typed errors for what Lance and the system say."""
        try:
            yield
        except (LLManagerError, ConfigurationError):
            raise
        except OSError as error:
            raise self._typed(error, step) from error
        except (RuntimeError, ValueError) as error:
            raise self._typed(error, step) from error

    def _typed(self, error: Exception, step: str) -> LLManagerError:
        text = str(error)
        if isinstance(error, OSError) and error.errno is not None:
            return translated(error, self.path, step)
        for words, number in _SYSTEM.items():
            if words in text:
                return translated(OSError(number, words), self.path, step)
        if step in ("open", "search", "read"):
            return StoreCorrupt(
                f"the store {self.name} cannot be read: {text[:300]}",
                resource=str(self.path),
                step=step,
                hint="restore it from a backup, or destroy it and add its documents again",
            )
        return StoreNotWritable(
            f"the store {self.name} could not be written: {text[:300]}",
            resource=str(self.path),
            step=step,
            hint="look at its disk, then try again: nothing was half done",
        )


def identity_of(table: Any) -> Mapping[str, Any]:
    """What made the vectors of a table."""
    said = (table.schema.metadata or {}).get(_MARK)
    found: Mapping[str, Any] = json.loads(said) if said else {}
    return found


def check_identity(table: Any, identity: Mapping[str, Any], name: str) -> None:
    """Refuse vectors that another model made.

    Raises:
        EmbeddingMismatch: with what differs.
    """
    kept = identity_of(table)
    keys = sorted({*kept, *identity} - {"probe"})
    told = [
        f"{k}: {kept.get(k)!r}, now {identity.get(k)!r}"
        for k in keys
        if kept.get(k) != identity.get(k)
    ]
    if not told and "probe" in kept and "probe" in identity:
        far = sum((a - b) ** 2 for a, b in zip(kept["probe"], identity["probe"], strict=True))
        if far > PROBE_FAR:
            told = [f"the same text gets another vector (distance {far:.3f})"]
    if told:
        raise EmbeddingMismatch(
            f"the vectors of {name} were made by another embedding model: {'; '.join(told)}",
            resource=name,
            step="compare the embedding models",
            hint="use the model that it was made with, or another store for the new one",
        )


PROBE_FAR = 0.05
"""How far, squared, the vector of one text may move between machines and versions of a library."""
