"""docs/facts.md: every place that it names is there, and every place that is marked is named."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmanager_sdk.doctor.live.run import PROBES
from tests.test_project import ROOT, short, tracked

PACKAGE = ROOT / "llmanager_sdk"
PAGE = ROOT / "docs" / "facts.md"
SPAN = re.compile(r"`([\w/]+\.(?:py|json))(?:: ([\w., ]+))?`")
MARK = re.compile(r"docs/facts\.md|\bFacts?: |\[[RI]\]|[Nn]ot verified|unverified|\(fact\b")
"""How a line says that it rests on one of them."""
FAKES = "testing/aws/"


def symbols(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, int, int]]:
    """Names that a module or class defines, with their lines; with those of a constant its text."""
    body: list[ast.stmt] = getattr(tree, "body", [])
    for node, after in zip(body, [*body[1:], None], strict=True):
        end = node.end_lineno or 0
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield prefix + node.name, node.lineno, end
                if isinstance(node, ast.ClassDef):
                    yield from symbols(node, f"{prefix}{node.name}.")
            case ast.Assign() | ast.AnnAssign():
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    end = after.end_lineno or end
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [x.id for t in targets for x in ast.walk(t) if isinstance(x, ast.Name)]
                yield from ((prefix + name, node.lineno, end) for name in names)


def defined(path: Path) -> dict[str, tuple[int, int]]:
    """By name: its first and its last line."""
    return {name: (a, b) for name, a, b in symbols(ast.parse(path.read_text()))}


def named(page: str) -> dict[str, set[str]]:
    """By file, the names that a page lists."""
    found: dict[str, set[str]] = {}
    for file, names in SPAN.findall(page):
        found.setdefault(file, set()).update(x.strip() for x in names.split(",") if x.strip())
    return found


def wrong(page: str) -> list[str]:
    """Places that a page names and that are not there."""
    out = []
    for file, names in named(page).items():
        path = PACKAGE / file
        if not path.exists():
            out.append(file)
        elif file.endswith(".json"):
            out += [f"{file}: {x}" for x in names - set(json.loads(path.read_text()))]
        else:
            out += [f"{file}: {x}" for x in names - set(defined(path))]
    return out


def unlisted(file: str, source: str, listed: dict[str, set[str]]) -> list[str]:
    """Marked lines of a file whose innermost name is not listed for it; for fakes, the file is."""
    lines = [n for n, line in enumerate(source.splitlines(), 1) if MARK.search(line)]
    if not lines or (file in listed and file.startswith(FAKES)):
        return []
    if file not in listed:
        return [f"{file}: {n}" for n in lines]
    around = [(a, b, name) for name, a, b in symbols(ast.parse(source))]
    out = []
    for n in lines:
        inside = {name for a, b, name in around if a <= n <= b}
        # What stands outside of every name is about the whole file.
        if inside and not inside & listed[file]:
            out.append(f"{file}: {n}, in {', '.join(sorted(inside))}")
    return out


def test_every_place_that_is_named_is_there() -> None:
    assert len(named(PAGE.read_text())) > 20
    assert wrong(PAGE.read_text()) == []


def test_every_place_that_is_marked_is_named() -> None:
    listed = named(PAGE.read_text())
    found = []
    for path in tracked("llmanager_sdk/*.py"):
        found += unlisted(path.relative_to(PACKAGE).as_posix(), path.read_text(), listed)
    assert found == []


def test_data_that_says_how_strong_it_is_is_named() -> None:
    marked = {short(x) for x in tracked("llmanager_sdk/*.json") if MARK.search(x.read_text())}
    assert marked == {f"llmanager_sdk/{x}" for x in named(PAGE.read_text()) if x.endswith(".json")}


def probes(page: str) -> list[str]:
    """The last column of its tables."""
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| ")]
    cells = [row[-2].strip() for row in rows if len(row) == 7 and row[1].strip() != "name"]
    return [name.strip() for cell in cells for name in cell.split(",") if name.strip()]


def test_every_probe_tries_a_fact_of_the_page() -> None:
    assert sorted(probes(PAGE.read_text())) == sorted(each.name for each in PROBES)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('A = 1\n"""Not verified."""\n', ["x.py: 2, in A"]),
        ("def f():\n    return 1  # Fact: one\n", ["x.py: 2, in f"]),
        ("def g():\n    return 1  # Fact: one\n", []),
        ('class C:\n    def g(self):\n        """[R]"""\n', ["x.py: 3, in C, C.g"]),
        ('"""See docs/facts.md."""\n', []),
        ("def f():\n    return facts\n", []),
    ],
)
def test_a_mark_without_its_line_is_noticed(source: str, found: list[str]) -> None:
    assert unlisted("x.py", source, {"x.py": {"g", "no.such"}}) == found
    assert bool(unlisted("x.py", source, {})) == bool(MARK.search(source))


def test_a_place_that_is_not_there_is_noticed() -> None:
    page = "`aws/sign.py: bearer_token, nothing` `aws/none.py` `catalog/instances.json: types, x`"
    assert wrong(page) == ["aws/sign.py: nothing", "aws/none.py", "catalog/instances.json: x"]
    assert probes("| name | a | b | c | probe |\n| x | a | b | c | one, two |\n") == ["one", "two"]
