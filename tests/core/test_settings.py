"""Settings and durations: what makes no sense is a typed error, wherever the process runs."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.settings import Settings, seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [(90, 90.0), ("90", 90.0), ("1.5h", 5400.0), ("2 min", 120.0), (0, 0.0), ("200ms", 0.2)],
)
def test_durations(value: Any, expected: float) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        timedelta(hours=1),
        True,
        -1,
        "soon",
        "",
        float("nan"),
        float("inf"),
        pytest.param(10**400, id="huge"),
        [1],
    ],
)
def test_what_is_no_duration_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"pin .* is not a duration"):
        seconds(value, "pin")


@pytest.mark.parametrize(
    ("word", "expected"),
    [("1", True), ("Yes", True), ("on", True), ("off", False), ("no", False), ("0", False)],
)
def test_yes_and_no(word: str, expected: bool, tmp_path: Path) -> None:
    assert Settings.load({"LLMANAGER_OFFLINE": word}, tmp_path).offline is expected


def test_neither_yes_nor_no_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither yes nor no"):
        Settings.load({"LLMANAGER_OFFLINE": "perhaps"}, tmp_path)


def test_a_process_whose_folder_was_deleted_has_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert Settings.load({"LLMANAGER_HOME": str(tmp_path)}).home == tmp_path
    with pytest.raises(ConfigurationError, match="LLMANAGER_HOME"):
        Settings.load({"LLMANAGER_HOME": "home"})


NOBODY = """
import os, pwd
from llmanager_sdk.catalog import chat_models
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.local.weights import available
from llmanager_sdk.settings import Settings
chat_models()
os.setuid(54321)
print([where for _, where in available(Settings.load({"LLMANAGER_HOME": "/no/such"}))])
try:
    Settings.load({})
except ConfigurationError as error:
    print(error.hint)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_user_without_a_home_needs_none_but_llmanagers() -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("HOME", "HF_"))}
    done = subprocess.run(
        [sys.executable, "-c", NOBODY],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "one `llmanager setup` away" in done.stdout, done.stderr
    assert "set LLMANAGER_HOME" in done.stdout
