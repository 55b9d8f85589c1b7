"""The code in the template: small, whole, the sources but for imports, and able to run alone."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tokenize
from pathlib import Path

import pytest

import llmanager_sdk
from infra import build
from llmanager_sdk.deploy.templates import template
from llmanager_sdk.testing.aws import FakeAws
from tests.infra import rules
from tests.infra.tools import ROOT, bare
from tests.registry.conftest import dynamodb_url

__all__ = ["dynamodb_url"]


@pytest.fixture(scope="module")
def code() -> str:
    """The Lambda's one module, as CloudFormation reads it from the template."""
    reaper = rules.load(template())["Resources"]["Reaper"]
    found: str = reaper["Properties"]["Code"]["ZipFile"]
    return found


def test_it_is_small_enough_for_the_console() -> None:
    text = (ROOT / "infra" / "template.yaml").read_text()
    assert len(text.encode()) <= 51_200
    assert template() == text


def test_it_is_what_the_sources_give() -> None:
    assert build.main(["--check"]) == ""


def without_imports(text: str) -> list[str]:
    """The lines of a module that say something and import nothing at its top level."""
    dropped: set[int] = set()
    statement: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            continue
        statement.append(token)
        if token.type == tokenize.NEWLINE:
            first, last = statement[0], statement[-1]
            if first.start[1] == 0 and first.string in ("import", "from"):
                dropped.update(range(first.start[0], last.end[0] + 1))
            statement = []
    lines = enumerate(text.splitlines(), 1)
    return [line for number, line in lines if line.strip() and number not in dropped]


def test_the_inlined_code_is_the_sources_but_for_imports(code: str) -> None:
    head, *sections = code.split("\n# ---- ")
    found = dict(section.split("\n", 1) for section in sections)
    assert list(found) == list(build.PARTS)
    package = Path(llmanager_sdk.__file__).parent
    for path, text in found.items():
        assert without_imports(text) == without_imports((package / path).read_text()), path
    assert without_imports(head) == [line for line in head.splitlines() if line[:1] == "#"]


def test_a_line_that_differs_would_be_seen() -> None:
    assert without_imports(
        "import a\nx = 1\nfrom b import (\n c,\n)\n\ny = '''\nimport z\n'''"
    ) == [
        "x = 1",
        "y = '''",
        "import z",
        "'''",
    ]


def test_the_code_is_as_people_write_it(code: str) -> None:
    lines = code.splitlines()
    assert max(len(line.partition("  # type:")[0]) for line in lines) <= 100
    assert sum(line.lstrip().startswith('"""') for line in lines) > 50
    assert any(line.startswith("    # ") or "  # " in line for line in lines)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"a.py": "import numpy\n"}, "no numpy"),
        ({"a.py": "def f():\n    from llmanager_sdk.errors import X\n"}, "no llmanager_sdk"),
        ({"a.py": "x = 1\n", "b.py": "x = 2\n"}, "x is defined twice"),
        ({"a.py": "def f() -> int:\n    return y\n"}, "f uses y"),
        ({"a.py": "import boto3, re\n"}, "line 1"),
    ],
)
def test_sources_that_do_not_fit_are_refused(
    tmp_path: Path, files: dict[str, str], why: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(build.Unfit, match=why):
        build.code(tmp_path, tuple(files))


RUN = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("index", sys.argv[1])
index = sys.modules["index"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(index)
class Context:
    def get_remaining_time_in_millis(self):
        return 290_000
print("RESULT", json.dumps(index.lambda_handler({}, Context())))
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_it_runs_with_boto3_alone(code: str, dynamodb_url: str, tmp_path: Path) -> None:
    """In Python's isolated mode, on an account that is empty."""
    index = tmp_path / "index.py"
    index.write_text(code)
    with FakeAws(dynamodb=dynamodb_url) as aws:
        environ = {**aws.environ(), "LLMANAGER_NAMESPACE": "bare", "LLMANAGER_VERSION": "1.2.3"}
        done = subprocess.run(
            [bare() / "python", "-I", "-c", RUN, index],
            env={"PATH": os.environ["PATH"], **environ},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    told = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line[:1] != "{")
    assert json.loads(told["RESULT"])["Swept"] == 1
    assert json.loads(told["RESULT"])["Errors"] == 0
    assert "botocore" in told["LOADED"]
    assert "llmanager_sdk" not in told["LOADED"]
