"""A private copy of the core with some lines changed, made by rewriting its syntax tree.

The product has no flags for this. A change whose target is missing, or found twice, is an error,
so that a mutant cannot quietly become the product itself.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

from llmanager_sdk.testing.code import MODULES, Code

PACKAGE = "llmanager_sdk.core"


class MissingTarget(Exception):
    """What a rewrite wants to change is not there exactly once."""


class Change(NamedTuple):
    """One change.

    Attributes:
        where: module and function, such as "engine.Engine.touch".
        old: an expression or a statement of it, as source.
        new: what stands there instead; several statements are fine for a statement.
    """

    where: str
    old: str
    new: str


def rewritten(changes: Sequence[Change]) -> Code:
    """The core with these changes, under module names of its own."""
    wanted = {change.where.partition(".")[0] for change in changes}
    names = [name for name in MODULES if name != "keeper" or name in wanted]
    trees = {name: ast.parse(_source(name)) for name in names}
    for change in changes:
        module, _, path = change.where.partition(".")
        _apply(trees[module], path, change)
    return loaded(trees)


def loaded(trees: Mapping[str, ast.Module]) -> Code:
    """The core that these trees make; modules that are not among them are copied as they are."""
    prefix = f"_rewritten_{next(_NUMBERS)}"
    names = [name for name in MODULES if name in trees or name != "keeper"]
    parsed = {name: trees.get(name) or ast.parse(_source(name)) for name in names}
    return Code({name: _load(prefix, name, tree) for name, tree in parsed.items()})


_NUMBERS = itertools.count()
_SOURCES: dict[str, str] = {}


def _source(name: str) -> str:
    if name not in _SOURCES:
        module = __import__(f"{PACKAGE}.{name}", fromlist=["_"])
        _SOURCES[name] = inspect.getsource(module)
    return _SOURCES[name]


def _find(tree: ast.AST, path: str, where: str) -> ast.AST:
    node: ast.AST = tree
    for name in path.split(".") if path else []:
        found = [x for x in getattr(node, "body", []) if getattr(x, "name", "") == name]
        if len(found) != 1:
            raise MissingTarget(f"{where}: no {name!r}")
        node = found[0]
    return node


def _apply(tree: ast.Module, path: str, change: Change) -> None:
    function = _find(tree, path, change.where)
    old = ast.parse(change.old).body
    new = ast.parse(change.new).body
    assert len(old) == 1, change.old
    if isinstance(old[0], ast.Expr) and not isinstance(old[0].value, ast.Yield | ast.YieldFrom):
        assert len(new) == 1, change.new
        hits = _Expressions(old[0].value, new[0])
    else:
        hits = _Statements(old[0], new)
    hits.visit(function)
    if hits.count != 1:
        raise MissingTarget(f"{change.where}: {change.old!r} was found {hits.count} times")
    ast.fix_missing_locations(tree)


def _same(one: ast.AST, other: ast.AST) -> bool:
    return ast.unparse(one) == ast.unparse(other)


class _Expressions(ast.NodeTransformer):
    def __init__(self, old: ast.expr, new: ast.stmt) -> None:
        assert isinstance(new, ast.Expr)
        self.old, self.new, self.count = old, new.value, 0

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and _same(node, self.old):
            self.count += 1
            return self.new
        return super().generic_visit(node)

    visit = generic_visit


class _Statements(ast.NodeTransformer):
    def __init__(self, old: ast.stmt, new: list[ast.stmt]) -> None:
        self.old, self.new, self.count = old, new, 0

    def visit(self, node: ast.AST) -> ast.AST | list[ast.stmt]:
        if isinstance(node, ast.stmt) and _same(node, self.old):
            self.count += 1
            return self.new
        return super().generic_visit(node)


def _load(prefix: str, name: str, tree: ast.Module) -> ModuleType:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PACKAGE):
            node.module = node.module.replace(PACKAGE, prefix)
    module = ModuleType(f"{prefix}.{name}")
    package = sys.modules.setdefault(prefix, ModuleType(prefix))
    package.__path__ = []
    sys.modules[module.__name__] = module
    exec(compile(tree, f"<{module.__name__}>", "exec"), module.__dict__)
    setattr(package, name, module)
    return module
