"""Homes for checks: a folder with the weights, in the environment, and nothing left behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmanager_sdk.catalog import DEFAULT_CHAT, chat_models
from llmanager_sdk.local.setup import set_up
from tests.conftest import CACHE, end, make_home


@contextmanager
def home() -> Iterator[Path]:
    """A home of one scene."""
    weights = set_up(chat_models()[DEFAULT_CHAT], CACHE / "models")
    before = os.environ.get("LLMANAGER_HOME")
    with tempfile.TemporaryDirectory() as name:
        folder = make_home(Path(name) / "home", weights)
        os.environ["LLMANAGER_HOME"] = str(folder)
        try:
            yield folder
        finally:
            end(folder)
            if before is None:
                del os.environ["LLMANAGER_HOME"]
            else:
                os.environ["LLMANAGER_HOME"] = before
