"""The house rules, as tests: sizes, names, what is imported, what must not be in the files."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import llmanager_sdk

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 320
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def tracked(*patterns: str) -> list[Path]:
    """The files of the repository that git knows."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    # A file that is deleted and not yet committed is still listed.
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.exists()]


def short(path: Path) -> str:
    """Its name inside the repository."""
    return path.relative_to(ROOT).as_posix()


# -- files


def test_no_file_is_long() -> None:
    lengths = {short(path): len(path.read_text().splitlines()) for path in tracked("*.py")}
    assert len(lengths) > 50, "git lists the files"
    assert {name: n for name, n in lengths.items() if n > LONGEST} == {}


def test_every_module_says_what_is_in_it() -> None:
    modules = [x for x in tracked("*.py") if x.read_text().strip()]
    assert [short(x) for x in modules if not ast.get_docstring(ast.parse(x.read_text()))] == []


# The pattern is put together here, so that this file does not hold what it looks for.
_MACHINE = "|".join(rf"/{name}/" for name in ("work", "farm", "root"))
_INDEX = "--(?:extra-)?" + r"index-url \S+"


def traces(text: str) -> list[str]:
    """What tells where a file was made, or where its packages came from."""
    return re.findall(rf"(?:{_MACHINE})|(?:{_INDEX})", text)


def test_no_file_tells_of_the_machine_it_was_made_on() -> None:
    found = {}
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if here := traces(text):
            found[short(path)] = here[:3]
    assert found == {}


@pytest.mark.parametrize("words", [("x = '", "work", "a'"), ("--index" + "-url x", "")])
def test_such_traces_are_noticed(words: tuple[str, ...]) -> None:
    assert traces("/".join(words))


def test_constraints_name_no_place() -> None:
    files = [*ROOT.glob("constraints/*.txt"), *ROOT.glob("constraints/*.in")]
    assert files
    assert [short(x) for x in files if "://" in x.read_text()] == []


# -- tests


def banned(source: str) -> Iterator[str]:
    """Sleeps and patches in a test."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr="sleep"):
                yield f"time.sleep in line {node.lineno}"
            case ast.Attribute(value=ast.Name(id="mock"), attr="patch"):
                yield f"mock.patch in line {node.lineno}"
            case ast.ImportFrom(module=("unittest.mock" | "unittest") as module):
                yield f"{module} in line {node.lineno}"
            case ast.ImportFrom(module="time", names=names) if "sleep" in {x.name for x in names}:
                yield f"time.sleep in line {node.lineno}"
            case ast.Import(names=names) if any(x.name.startswith("unittest") for x in names):
                yield f"unittest in line {node.lineno}"


def test_tests_neither_sleep_nor_patch() -> None:
    found = {short(x): list(banned(x.read_text())) for x in tracked("tests/*.py")}
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.sleep(1)",
        "from time import sleep",
        "from unittest import mock",
        "from unittest.mock import patch",
        "import unittest.mock",
        "mock.patch('x')",
    ],
)
def test_such_tests_are_noticed(source: str) -> None:
    assert list(banned(source))


def test_continuous_integration_runs_checks_and_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script[0] == "#!/usr/bin/env bash"
    assert {"set -euo pipefail", "make check", "make test"} <= set(script)
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert "bash .ci/run" in workflow


# -- names


def test_public_names_are_sorted_and_there() -> None:
    names = llmanager_sdk.__all__
    assert names == sorted(set(names))
    assert {name for name in names if getattr(llmanager_sdk, name, None) is None} == set()
    assert set(names) <= set(dir(llmanager_sdk))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = llmanager_sdk.Nothing


def own_members(value: object) -> Iterator[tuple[str, object]]:
    """The public methods and properties that a class of ours defines itself."""
    for base in inspect.getmro(value) if inspect.isclass(value) else ():
        if base.__module__.startswith("llmanager_sdk"):
            for name, member in vars(base).items():
                callable_or_property = inspect.isroutine(member) or isinstance(
                    member, property | classmethod | staticmethod
                )
                if callable_or_property and not name.startswith("_"):
                    yield f"{base.__name__}.{name}", getattr(base, name)


@pytest.mark.parametrize("name", llmanager_sdk.__all__)
def test_every_public_name_is_documented(name: str) -> None:
    value = getattr(llmanager_sdk, name)
    members = [(name, value), *own_members(value)]
    assert [title for title, member in members if not inspect.getdoc(member)] == []
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")]
    assert any(re.search(rf"\b{name}\b", path.read_text()) for path in documents)


def test_every_error_is_told_apart_by_its_own_class() -> None:
    errors = importlib.import_module("llmanager_sdk.errors")
    classes = [
        x for _, x in inspect.getmembers(errors, inspect.isclass) if x.__module__ == errors.__name__
    ]
    ours = [x for x in classes if issubclass(x, Exception)]
    assert len(ours) > 5
    assert [x.__name__ for x in ours if not issubclass(x, errors.LLManagerError)] == []
    assert [x.__name__ for x in ours if not vars(x).get("__doc__")] == []


def loaded(statement: str) -> set[str]:
    """The top-level modules that a fresh process has after a statement."""
    code = f"import json, sys; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


ENGINES = {"lancedb", "lance", "pyarrow", "onnxruntime", "tokenizers", "xllamacpp", "boto3"}
HEAVY = ENGINES | {"langchain_core", "pydantic", "numpy", "aiohttp", "urllib3", "asyncio"}


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import llmanager_sdk", HEAVY),
        ("from llmanager_sdk import LLManagerError", HEAVY),
        ("from llmanager_sdk.cli import parser; parser()", HEAVY),
        ("from llmanager_sdk import ManagedLLM; ManagedLLM()", ENGINES),
        ("from llmanager_sdk import ManagedEmbeddings; ManagedEmbeddings()", ENGINES),
        ("from llmanager_sdk import ManagedVectorStore; ManagedVectorStore('x')", ENGINES),
        ("from llmanager_sdk import ChatHistory; ChatHistory('x')", ENGINES),
    ],
)
def test_heavy_modules_wait_for_their_first_use(statement: str, heavy: set[str]) -> None:
    assert loaded(statement) & heavy == set()


# -- packages


def pins(name: str) -> dict[str, str]:
    """The versions of a constraint file; of a package with several, the last."""
    lines = (ROOT / "constraints" / f"{name}.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(x.name): str(x.specifier) for x in found}


def wanted(name: str) -> list[Requirement]:
    """What a constraint file is made for."""
    optional = PROJECT["optional-dependencies"]
    # Tests and checks meet the code of every extra, a user only that of the one asked for.
    extras = optional["local"] if name == "local" else [x for e in optional.values() for x in e]
    inputs = {"local": [], "dev": ["test", "check"], "bench": ["test", "check", "bench"]}[name]
    files = [ROOT / "constraints" / f"{each}.in" for each in inputs]
    lines = [line for path in files for line in path.read_text().splitlines()]
    return [Requirement(x) for x in [*PROJECT["dependencies"], *extras, *lines] if x.strip()]


@pytest.mark.parametrize("name", ["local", "dev", "bench"])
def test_every_package_is_pinned_to_a_version_that_is_allowed(name: str) -> None:
    pinned = pins(name)
    assert all(version.startswith("==") for version in pinned.values())
    for each in wanted(name):
        version = pinned[canonicalize_name(each.name)].removeprefix("==")
        assert each.specifier.contains(version), f"{each} is pinned to {version}"


def test_the_constraint_files_agree() -> None:
    everything = pins("bench")
    for name in ("local", "dev"):
        assert {k: v for k, v in pins(name).items() if everything.get(k) != v} == {}


def test_the_version_is_told_once() -> None:
    assert llmanager_sdk.__version__ == PROJECT["version"]
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()
