"""The documents are tried: Python blocks run, commands and links exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from llmanager_sdk.cli import COMMANDS, parser

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
]
LIMIT_S = 300.0
_FENCE = re.compile(r"^ *```(\w*) *$")
_LINK = re.compile(r"\]\((?!\w+:)([^)#]+)(?:#[^)]*)?\)")
_TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.M)

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS]
)


def only(text: str, language: str) -> str:
    """The fenced blocks of a language; all other lines empty, so that line numbers stay."""
    lines, inside = [], ""
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if fence:
            inside = "" if inside else fence[1] or "text"
        lines.append(line if inside == language and not fence else "")
    return "\n".join(lines) + "\n"


def commands(text: str) -> list[str]:
    """Every `llmanager ...` and `make ...` of a document, in console blocks and in the prose."""
    blocks = [line.strip().removeprefix("$ ") for line in only(text, "console").splitlines()]
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    spans = re.findall(r"`([^`\n]+)`", prose)
    # A bare "llmanager" is the program's name, not a call of it.
    return [each for each in blocks + spans if re.match(r"(llmanager|make) ", each)]


def targets() -> set[str]:
    """What can be made."""
    return set(_TARGET.findall((ROOT / "Makefile").read_text()))


def wrong(command: str) -> str:
    """Why a command could not be typed as it stands; empty if it could."""
    program, *words = shlex.split(command.replace("…", "..."))
    if program == "make":
        unknown = [word for word in words if "=" not in word and word not in targets()]
        return f"no target {', '.join(unknown)}" if unknown else ""
    try:
        parser().parse_args(words)
    except SystemExit as end:
        return f"llmanager refuses it (exit {end.code})" if end.code else ""
    return ""


def run(document: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a document's Python blocks as one program, in a folder of their own.

    What a document does with a model on aws is done here with the one that is at hand.
    """
    script = folder / f"{document.stem}.py"
    script.write_text(only(document.read_text(), "python"))
    return subprocess.run(
        [sys.executable, script.name],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "LLMANAGER_LOCAL_MODEL": "smollm2-135m"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


with_python = [path for path in DOCUMENTS if only(path.read_text(), "python").strip()]


@pytest.mark.parametrize("document", with_python, ids=[path.name for path in with_python])
def test_python_blocks_run_as_they_stand(document: Path, home: Path, tmp_path: Path) -> None:
    done = run(document, tmp_path)
    assert done.returncode == 0, f"{document.name}:\n{done.stderr[-3000:]}"


def test_the_readme_has_something_to_paste() -> None:
    assert ROOT / "README.md" in with_python


@each_document
def test_commands_exist(document: Path) -> None:
    found = {each: reason for each in commands(document.read_text()) if (reason := wrong(each))}
    assert not found


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    links = _LINK.findall(document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    told = [" ".join(x.split()[:2]) for path in DOCUMENTS for x in commands(path.read_text())]
    assert f"llmanager {command}" in told or f"make {command}" in told


@pytest.mark.parametrize("target", sorted(targets()))
def test_every_target_says_what_it_does(target: str) -> None:
    assert re.search(rf"^{target}:.*## \S", (ROOT / "Makefile").read_text(), re.M)


def test_blocks_of_a_document_share_names_and_keep_their_lines(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text(
        "one\n```python\na = 1\n```\n```console\nnot python\n```\n```python\nassert a == 2\n```\n"
    )
    done = run(document, tmp_path)
    assert done.returncode == 1
    assert "line 9, in <module>\n    assert a == 2" in done.stderr


@pytest.mark.parametrize(
    "command", ["llmanager fly", "llmanager ls --no-such", "make nothing", "make demo nothing"]
)
def test_a_command_that_does_not_exist_is_noticed(command: str) -> None:
    assert commands(f"Type `{command}`.") == [command]
    assert commands(f"```console\n$ {command}\n```\n") == [command]
    assert wrong(command)


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    assert _LINK.findall("[a](docs/none.md#there) [b](https://x.test/y.md)") == ["docs/none.md"]
