"""Datasets in a helper process, for a process that was forked while Lance was in use (`inherited`).

The helper is a fresh interpreter that answers pickled calls over a pipe of its own; it ends when
the pipe does, so when its owner ends. Starting it takes about two seconds.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from llmanager_sdk.errors import LLManagerError, StoreError
from llmanager_sdk.filters import Filter
from llmanager_sdk.ports.vectors import Hit, Mode, Row, check_name

_MODULE = "llmanager_sdk.local.lance.helper"


class Helper:
    """One helper process, started by its first call; calls take turns."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def call(self, folder: Path, name: str, method: str, *arguments: Any) -> Any:
        """What a dataset's method returns, or raises, there.

        Every method may be called twice without harm, so a helper that died is replaced once.
        """
        request = pickle.dumps((folder, name, method, arguments))
        with self._lock:
            try:
                answer = self._ask(request)
            except (OSError, EOFError, pickle.UnpicklingError):
                try:
                    answer = self._ask(request)
                except (OSError, EOFError, pickle.UnpicklingError) as error:
                    raise StoreError(
                        f"the helper process for the store {name} ended",
                        resource=name,
                        step=method,
                        hint="start processes by spawn in place of fork, or look at its memory",
                    ) from error
        if isinstance(answer, LLManagerError):
            raise answer
        return answer[0]

    def _ask(self, request: bytes) -> Any:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # Ctrl-C is for its owner
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(len(request).to_bytes(8) + request)
            stdin.flush()
            return _read(stdout)
        except BaseException:
            self._end()  # the answer to an interrupted call must not answer the next one
            raise

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


_helper = Helper()


def _forget() -> None:
    global _helper
    _left.append(_helper)  # it belongs to the parent
    _helper = Helper()


_left: list[Helper] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class HelpedDataset:
    """`ports.vectors.Dataset`, each call in the helper process."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = check_name(name)

    def _call(self, method: str, *arguments: Any) -> Any:
        return _helper.call(self._folder, self._name, method, *arguments)

    def add(self, rows: Sequence[Row], vectors: Any, identity: Mapping[str, Any]) -> None:
        """Write rows in one commit."""
        self._call("add", rows, vectors, identity)

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows of these ids that exist."""
        found: list[Row] = self._call("get", list(ids))
        return found

    def delete(self, ids: Sequence[str] | None = None, where: Filter | None = None) -> None:
        """Delete by id or by filter."""
        self._call("delete", ids, where)

    def search(
        self,
        vector: Any,
        text: str,
        k: int,
        where: Filter | None,
        mode: Mode,
        with_vectors: bool = False,
    ) -> list[Hit]:
        """The k best rows."""
        found: list[Hit] = self._call("search", vector, text, k, where, mode, with_vectors)
        return found

    def identity(self) -> Mapping[str, Any] | None:
        """What made its vectors."""
        found: Mapping[str, Any] | None = self._call("identity")
        return found

    def count(self) -> int:
        """How many rows there are."""
        return int(self._call("count"))

    def describe(self) -> dict[str, Any]:
        """Rows, bytes, version, and what index there is."""
        found: dict[str, Any] = self._call("describe")
        return found

    def optimize(self) -> None:
        """Compact, and bring the index up to date."""
        self._call("optimize")

    def drop(self) -> None:
        """Delete everything."""
        self._call("drop")

    def release(self) -> None:
        """Free what is kept in memory."""
        self._call("release")


def _read(stream: Any) -> Any:
    """One message: its length in 8 bytes, then a pickle."""
    size = stream.read(8)
    if len(size) < 8:
        raise EOFError
    data = stream.read(int.from_bytes(size))
    return pickle.loads(data)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer calls until the requests end."""
    from llmanager_sdk.local.lance.dataset import LanceDataset

    datasets: dict[tuple[Path, str], LanceDataset] = {}
    while True:
        try:
            folder, name, method, arguments = _read(requests)
        except EOFError:
            return
        answer: Any
        try:
            if (folder, name) not in datasets:
                datasets[folder, name] = LanceDataset(folder, name)
            answer = (getattr(datasets[folder, name], method)(*arguments),)
        except LLManagerError as error:
            answer = error
        except Exception as error:
            answer = StoreError(
                f"the store {name} failed in a helper process: {type(error).__name__}: {error}",
                resource=name,
                step=method,
                hint="start processes by spawn in place of fork",
            )
        data = pickle.dumps(answer)
        answers.write(len(data).to_bytes(8) + data)
        answers.flush()


if __name__ == "__main__":
    own = os.dup(1)
    os.dup2(2, 1)  # what libraries print must not get between the answers
    with os.fdopen(own, "wb") as stdout:
        serve(sys.stdin.buffer, stdout)
