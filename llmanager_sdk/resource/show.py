"""Progress for people: a log line, a line on a terminal, a bar in a notebook, a callback."""

from __future__ import annotations

import html
import importlib
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, Literal, TextIO

from llmanager_sdk.core.ports import Notify, Progress

log = logging.getLogger("llmanager_sdk")

QUIET = 0.7
"""A start shorter than this, in seconds, is not worth a line."""
REPEAT = 1.0
"""How often, in seconds, a callback is told that nothing but time has passed."""

Show = Literal["auto", "off"] | Callable[[Progress], Any]

_showing: set[str] = set()
_lock = threading.Lock()


def reporter(title: str, show: Show = "auto", *more: Notify) -> Notify:
    """One function that passes progress on to everybody who wants it.

    Args:
        title: what is being started, for people.
        show: "auto" for a terminal or notebook if there is one, "off", or a callback.
        more: further callbacks, such as LangChain's custom events.
    """
    sinks: list[Notify] = [_Paced(_Log(title)), *(_Paced(_Muted(each)) for each in more)]
    if callable(show):
        sinks.append(_Paced(_Muted(show)))
    elif show == "auto" and (screen := _screen(title)) is not None:
        sinks.append(_Muted(screen))

    def tell(progress: Progress) -> None:
        for sink in sinks:
            sink(progress)

    return tell


class _Paced:
    """Passes on what is new, and a sign of life every second."""

    def __init__(self, sink: Callable[[Progress], Any]) -> None:
        self._sink = sink
        self._last: Progress | None = None

    def __call__(self, progress: Progress) -> None:
        last = self._last
        if (
            last is not None
            and (last.phase, last.message) == (progress.phase, progress.message)
            and progress.elapsed_s - last.elapsed_s < REPEAT
        ):
            return
        self._last = progress
        self._sink(progress)


class _Muted:
    """A listener that may fail: what it raises is logged, breaks no start, and silences it."""

    def __init__(self, sink: Callable[[Progress], Any]) -> None:
        self._sink = sink
        self._failed = False

    def __call__(self, progress: Progress) -> None:
        if self._failed:
            return
        try:
            self._sink(progress)
        except Exception:
            self._failed = True
            log.warning("progress could not be told; it is not tried again", exc_info=True)


class _Log:
    def __init__(self, title: str) -> None:
        self._title = title
        self._phase = ""

    def __call__(self, progress: Progress) -> None:
        if progress.phase != self._phase:
            self._phase = progress.phase
            log.info("%s: %s", self._title, progress.message)


def _screen(title: str) -> Notify | None:
    if _in_notebook():
        return _Notebook(title)
    if sys.stderr is not None and _is_terminal(sys.stderr):
        return _Terminal(title, sys.stderr)
    return None


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # somebody closed it
        return False


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return type(shell).__name__ == "ZMQInteractiveShell"


def line(title: str, progress: Progress) -> str:
    """One line about a start, with what earlier starts took."""
    text = f"{title}: {progress.message}, {progress.elapsed_s:.0f} s"
    if progress.estimate_s:
        text += f" of about {max(progress.estimate_s, 1):.0f} s"
    return text


class _Terminal:
    """One line that is drawn over, by one waiter per resource and process."""

    def __init__(self, title: str, stream: TextIO) -> None:
        self._title = title
        self._stream = stream
        self._mine = False

    def __call__(self, progress: Progress) -> None:
        over = progress.phase in ("ready", "failed")
        with _lock:
            if not self._mine:
                if over or progress.elapsed_s < QUIET or progress.key in _showing:
                    return
                self._mine = True
                _showing.add(progress.key)
            if over:
                _showing.discard(progress.key)
        end = "\n" if over else ""
        try:
            self._stream.write(f"\r\033[K{line(self._title, progress)}{end}")
            self._stream.flush()
        except BaseException:  # it is closed: the line is free for another one
            _showing.discard(progress.key)
            raise


class _Notebook:
    """A bar that is updated in place."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._handle: Any = None

    def __call__(self, progress: Progress) -> None:
        over = progress.phase in ("ready", "failed")
        if self._handle is None and (over or progress.elapsed_s < QUIET):
            return
        notebook: Any = importlib.import_module("IPython.display")
        share = 1.0 if over else min(progress.elapsed_s / (progress.estimate_s or 60.0), 0.98)
        text = html.escape(line(self._title, progress))
        bar = notebook.HTML(f'<progress value="{share:.2f}"></progress> {text}')
        if self._handle is None:
            self._handle = notebook.display(bar, display_id=True)
        else:
            self._handle.update(bar)
