"""Writes infra/template.yaml: `template.in.yaml` with the reaper's code where its mark is.

    python infra/build.py            writes it
    python infra/build.py --check    says whether it is what the sources give; exits with 1 if not

The code is the files of `PARTS`, whole and verbatim but for their imports, one after the other, as
the one module that a Lambda without a package can have. A reader of the CloudFormation console
sees every line that may delete something.
"""

from __future__ import annotations

import ast
import builtins
import dis
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parent.parent
SOURCE, TARGET = ROOT / "infra" / "template.in.yaml", ROOT / "infra" / "template.yaml"
PARTS = (
    "core/life.py",
    "core/drivers.py",
    "core/sweep.py",
    "registry/form.py",
    "registry/dynamodb.py",
    "aws/answers.py",
    "aws/reapable.py",
    "aws/reaper.py",
)
"""Each may use what stands in those before it."""
MARK, VERSION = "<the reaper's code>", "<version>"
MOST = 51_200
"""Bytes of a template that CloudFormation takes without a bucket."""
WIDTH = 99
FOREIGN = ("boto3", "botocore")
OURS = "llmanager_sdk"
HEADER = f"""\
# Files of {OURS}, whole but for imports. Only annotations name {{absent}}.

from __future__ import annotations

"""

Imports = dict[str, set[str]]
"""A module, and what is taken from it; "" for the module itself."""


class Unfit(Exception):
    """The sources do not make one module."""


def code(root: Path = ROOT / OURS, parts: Sequence[str] = PARTS) -> str:
    """The module that files make.

    Args:
        root: the folder that they are named from.

    Raises:
        Unfit: a name is defined twice, or missing, or comes from somewhere else.
    """
    imports: Imports = {}
    wanted: set[str] = set()
    sections: list[str] = []
    for part in parts:
        text = (root / part).read_text()
        wanted |= _imported(part, ast.parse(text), imports)
        sections.append(f"# ---- {part}\n\n{_without_imports(text)}")
    body, head = "\n\n".join(sections), _spelled(imports)
    defined = _defined(body)
    _all_there(head + body)
    absent = ", ".join(sorted(wanted - defined))
    return "\n".join([HEADER.format(absent=absent) + head, "", body])


def _imported(part: str, tree: ast.Module, imports: Imports) -> set[str]:
    """The names of ours that a file imports; what else it imports is added to `imports`.

    An import inside a function stays there, and has to be of boto3 or the standard library too.
    """
    ours: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found = {f"{x.name} as {x.asname}" if x.asname else x.name for x in names}
            case ast.Import(names=[ast.alias(name=module, asname=None)]):
                found = {""}
            case ast.Import() | ast.ImportFrom():
                raise Unfit(f"{part}, line {node.lineno}: write it as others are written")
            case _:
                continue
        top, inside = module.partition(".")[0], node not in tree.body
        if top == OURS and not inside:
            ours |= found
        elif top not in FOREIGN and top not in sys.stdlib_module_names:
            raise Unfit(f"{part}, line {node.lineno}: the Lambda has no {module}")
        elif module != "__future__" and not inside:
            imports.setdefault(module, set()).update(found)
    return ours


def _without_imports(text: str) -> str:
    lines = text.splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[number - 1] = ""
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines)).strip() + "\n"


def _spelled(imports: Imports) -> str:
    """The imports as ruff would sort them."""
    plain = [f"import {module}" for module, names in sorted(imports.items()) if "" in names]
    chosen = [
        _from(module, sorted(names - {""}, key=_by_kind))
        for module, names in sorted(imports.items())
        if names - {""}
    ]
    return "\n".join([*plain, *chosen]) + "\n"


def _by_kind(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _from(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


# -- checks --------------------------------------------------------------------------------------


def _defined(body: str) -> set[str]:
    """The names of the module; none may be defined twice."""
    found: set[str] = set()
    for name in _bindings(ast.parse(body)):
        if name in found:
            raise Unfit(f"{name} is defined twice")
        found.add(name)
    return found


def _bindings(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (x.id for y in targets for x in ast.walk(y) if isinstance(x, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name


def _all_there(text: str) -> None:
    """Every name that is looked up when the module runs is defined in it."""
    module = compile("from __future__ import annotations\n" + text, "index.py", "exec")
    names = {*_stored(module), *dir(builtins), "__annotations__"}
    for each in _codes(module):
        own = set(_stored(each))
        for step in dis.get_instructions(each):
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME") and step.argval not in names | own:
                raise Unfit(f"{each.co_name} uses {step.argval}, which is not there")


def _stored(each: CodeType) -> Iterator[str]:
    return (step.argval for step in dis.get_instructions(each) if step.opname == "STORE_NAME")


def _codes(each: CodeType) -> Iterator[CodeType]:
    yield each
    for inner in each.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


# -- the template --------------------------------------------------------------------------------


def build() -> str:
    """The template.

    Raises:
        Unfit: it is too large, or its code is not fit.
    """
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    text = SOURCE.read_text().replace(VERSION, version)
    indent, rest = _around(text)
    lines = [f"{indent}{line}" if line else "" for line in code().splitlines()]
    made = "\n".join(lines).join(rest)
    if len(made.encode()) > MOST:
        raise Unfit(f"{len(made.encode()):,} bytes are more than {MOST:,}")
    return made


def _around(text: str) -> tuple[str, tuple[str, str]]:
    """The indentation of the mark, and what stands before and behind its line."""
    found = re.search(rf"^( +){re.escape(MARK)}$", text, re.M)
    if found is None:
        raise Unfit(f"{SOURCE.name} has no line {MARK}")
    return found[1], (text[: found.start()], text[found.end() :])


def main(words: list[str]) -> str:
    """Write it, or compare; what is wrong, if anything is."""
    try:
        made = build()
    except Unfit as error:
        return f"{TARGET.name} cannot be made: {error}"
    if "--check" not in words:
        TARGET.write_text(made)
    elif not TARGET.exists() or TARGET.read_text() != made:
        return f"{TARGET.name} is not what the sources give; run python infra/build.py"
    sys.stderr.write(f"{TARGET.name}: {len(made.encode()):,} of {MOST:,} bytes\n")
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
