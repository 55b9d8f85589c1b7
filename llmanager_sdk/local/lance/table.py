"""One Lance table on disk: opening, committing, and what its errors mean.

Every change is one commit, so readers see whole changes only. Writers of one machine take turns
(`turn`), so that no commit of ours meets another one.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from llmanager_sdk.errors import LLManagerError, StoreCorrupt, StoreNotWritable
from llmanager_sdk.local.lance.inherited import refuse_inherited
from llmanager_sdk.local.lance.limits import DEFAULT, Limits
from llmanager_sdk.local.lance.turn import turn
from llmanager_sdk.ports.vectors import check_name
from llmanager_sdk.sqlite_file import refuse_network, translated

SYNCS = 16
TRIES = 5
"""How often a look at a table is taken again that is being cleaned up or dropped meanwhile."""
_MARK = b"llmanager"
_SYSTEM = {"No space left": 28, "Read-only file system": 30, "Permission denied": 13, "quota": 122}


class Held(NamedTuple):
    """An open table at its latest version.

    Attributes:
        born: tells this table from an earlier one of the same name.
        identity: what made its vectors.
        manifest, folder: inode and time of the files that say which version is the latest.
    """

    table: Any
    version: int
    born: str
    identity: Mapping[str, Any]
    manifest: tuple[int, int]
    folder: tuple[int, int]

    @property
    def mark(self) -> tuple[str, int]:
        """Tells this version of this table from every other, one of the same name too."""
        return self.born, self.version


class Table:
    """A table that is made by its first write.

    Args:
        folder: of all stores.
        name: of this one.
    """

    def __init__(self, folder: Path, name: str, limits: Limits = DEFAULT) -> None:
        self.folder = folder
        self.limits = limits
        self.name = check_name(name)
        self.path = folder / f"{name}.lance"
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._connection: Any = None

    # -- the latest version --------------------------------------------------------------------

    def latest(self) -> Held | None:
        """The table at its latest version; None if it was never written."""
        with self._lock, self.translating("open"):
            for left in reversed(range(TRIES)):
                try:
                    self._held = self._look()
                    break
                except (FileNotFoundError, RuntimeError, ValueError):
                    # Somebody drops it or cleans it up right now, or it is really broken.
                    self._held = self._connection = None
                    if not left:
                        raise
            return self._held

    def _look(self) -> Held | None:
        folder = _seen(self.path / "_versions")
        if folder is None:
            self._connection = None
            return None
        held = self._held
        if held and held.folder == folder and not self._manifest(held.version + 1).exists():
            return held
        if held and _seen(self._manifest(held.version)) == held.manifest:
            held.table.checkout_latest()
            return self._hold(held.table, held.born, held.identity, folder)
        if not any(x.suffix == ".manifest" for x in (self.path / "_versions").iterdir()):
            return None
        self._connection = None  # its caches may know another table of the same name
        table = self._connect().open_table(self.name)
        said = (table.schema.metadata or {}).get(_MARK)
        marks: dict[str, Any] = json.loads(said) if said else {}
        return self._hold(table, marks.get("born", ""), marks.get("identity", {}), folder)

    def _hold(
        self, table: Any, born: str, identity: Mapping[str, Any], folder: tuple[int, int]
    ) -> Held:
        version = int(table.version)
        manifest = _seen(self._manifest(version))
        if manifest is None:
            raise FileNotFoundError(self._manifest(version))
        return Held(table, version, born, identity, manifest, folder)

    def _manifest(self, version: int) -> Path:
        """The file that makes a version exist (Lance format, manifest naming scheme V2)."""
        return self.path / "_versions" / f"{(1 << 64) - 1 - version:020d}.manifest"

    def pinned(self, version: int) -> Any:
        """A handle of its own that stays at a version, whatever others do."""
        table = self._connect().open_table(self.name)
        table.checkout(version)
        return table

    def _connect(self) -> Any:
        if self._connection is None:
            refuse_inherited(self.name)
            # Lance's engine warns on stderr about what is none of a user's business.
            os.environ.setdefault("LANCEDB_LOG", "error")
            import lancedb

            self._connection = lancedb.connect(self.folder)
        return self._connection

    # -- changing it ---------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """This process's turn to write. What was committed inside is on disk afterwards."""
        refuse_network(self.path)
        lock = self.folder / f".{self.name}.lock"
        with self.translating("write"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with turn(lock, self.limits.wait_s):
                os.utime(lock)
                began = lock.stat().st_mtime_ns
                yield
                self._settle(began)

    def _settle(self, began: int) -> None:
        """Have the system write what was committed since: a power cut must not undo it.

        Args:
            began: by the clock of the file system, in ns. Nobody else has written since.
        """
        folders = [self.path / x for x in ("data", "_deletions", "_transactions", "_versions")]
        folders += [*self.path.glob("_indices/*"), self.path / "_indices", self.path, self.folder]
        new: list[Path] = []
        for folder in folders:
            if not folder.is_dir() or folder.stat().st_mtime_ns < began:
                continue
            with os.scandir(folder) as entries:
                new += (Path(x) for x in entries if x.is_file() and x.stat().st_mtime_ns >= began)
            new.append(folder)
        if new:  # at once, so that they share the journal's commits: 1 ms in place of 4 for each
            with ThreadPoolExecutor(min(len(new), SYNCS)) as pool:
                list(pool.map(_sync, new))

    def create(self, rows: Any, identity: Mapping[str, Any]) -> None:
        """Make the table with its first rows, in one commit. Inside `writing` only."""
        with self.translating("create"):
            self._sweep()
            if self.path.exists():  # left by one that was killed before its first commit
                shutil.rmtree(self.path)
            marks = {"born": secrets.token_hex(8), "identity": dict(identity)}
            try:
                self._connect().create_table(
                    self.name, data=rows.replace_schema_metadata({_MARK: json.dumps(marks)})
                )
            except BaseException:
                shutil.rmtree(self.path, ignore_errors=True)
                raise

    def drop(self) -> None:
        """Delete the table, at once for every reader. Inside `writing` only."""
        with self.translating("drop"):
            if self.path.exists():
                self.path.rename(self.folder / f".{self.name}.{secrets.token_hex(4)}.dropped")
            self._sweep()

    def _sweep(self) -> None:
        """Remove what dropped tables left."""
        for path in self.folder.glob(f".{self.name}.*.dropped"):
            shutil.rmtree(path)

    # -- errors --------------------------------------------------------------------------------

    @contextmanager
    def translating(self, step: str) -> Iterator[None]:
        """Typed errors for what Lance and the system say."""
        try:
            yield
        except LLManagerError:
            raise
        except (OSError, RuntimeError, ValueError) as error:
            raise self._typed(error, step) from error

    def _typed(self, error: Exception, step: str) -> LLManagerError:
        text = str(error)
        if isinstance(error, OSError) and error.errno is not None:
            return translated(error, self.path, step)
        for words, number in _SYSTEM.items():
            if words in text:
                return translated(OSError(number, words), self.path, step)
        if step in ("open", "read", "search"):
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


def _seen(path: Path) -> tuple[int, int] | None:
    with suppress(FileNotFoundError):
        found = path.stat()
        return found.st_ino, found.st_mtime_ns
    return None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
