"""Mutates `core/life.py` in every small way there is, and asks who notices.

Each mutant is judged by the checks of `tests/core/decide_checks` and, if those see nothing, by
the schedules of some seeds. `results/life_survivors.json` lists those that nobody notices, each
with the reason why that is right; `python -m tests.simulation.mutate_life` compares.
"""

from __future__ import annotations

import ast
import copy
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from llmanager_sdk.core import life
from llmanager_sdk.core.life import PHASES
from llmanager_sdk.testing.simulation import simulate
from tests.core.data_checks import CHECKS
from tests.simulation.long_run import RESULTS
from tests.simulation.rewrite import loaded

SEEDS = 60
SURVIVORS = RESULTS / "life_survivors.json"

FLIPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Mult: (ast.Div,),
    ast.BitOr: (),
}
"""What an operator may become. `|` stands in types only."""


class Variant(NamedTuple):
    """One mutant: where it is, what it changes, and how."""

    name: str
    tree: ast.Module


Change = tuple[str, Callable[[ast.AST], None]]


def variants() -> Iterator[Variant]:
    """All mutants, each with a name that does not depend on line numbers."""
    tree = ast.parse(Path(life.__file__).read_text())
    seen: dict[str, int] = {}
    places = list(_places(tree))
    for number, (where, node) in enumerate(places):
        for label, _ in _changes(node):
            name = f"{where}: {label}"
            seen[name] = seen.get(name, 0) + 1
            suffix = f" #{seen[name]}" if seen[name] > 1 else ""
            fresh = copy.deepcopy(tree)
            _, target = list(_places(fresh))[number]
            dict(_changes(target))[label](target)
            yield Variant(name + suffix, ast.fix_missing_locations(fresh))


def _places(tree: ast.AST, where: str = "module") -> Iterator[tuple[str, ast.AST]]:
    """Every node that runs: no annotations, no docstrings."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or _is_text(node):
                continue
            named = isinstance(node, ast.FunctionDef | ast.ClassDef)
            inner = f"{where}.{node.name}" if named else where
            inner = inner.removeprefix("module.")
            yield inner, node
            yield from _places(node, inner)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _changes(node: ast.AST) -> list[Change]:
    if isinstance(node, ast.Compare):
        return [
            (f"{ast.unparse(node)} with {new.__name__}", _set("ops", [new()]))
            for new in FLIPS[type(node.ops[0])]
        ]
    if isinstance(node, ast.BoolOp | ast.BinOp):
        return [
            (f"{ast.unparse(node)} with {new.__name__}", _set("op", new()))
            for new in FLIPS[type(node.op)]
        ]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [(f"{ast.unparse(node)} without not", _set("op", ast.UAdd()))]
    if isinstance(node, ast.Constant):
        return _constants(node)
    if isinstance(node, ast.If | ast.IfExp):
        test = ast.UnaryOp(ast.Not(), node.test)
        return [(f"if {ast.unparse(node.test)} negated", _set("test", test))]
    if isinstance(node, ast.Return) and node.value is not None:
        return [(f"{ast.unparse(node)} of None", _set("value", ast.Constant(None)))]
    if isinstance(node, ast.Call) and node.keywords:
        return [_without(node, position) for position in range(len(node.keywords))]
    return []


def _constants(node: ast.Constant) -> list[Change]:
    value = node.value
    if isinstance(value, bool):
        return [(f"{value} negated", _set("value", not value))]
    if isinstance(value, int | float):
        return [(f"{value} plus 1", _set("value", value + 1))]
    if isinstance(value, str) and (value in PHASES or not value):
        return [(f"{value!r} changed", _set("value", value + "x"))]
    return []


def _set(field: str, value: object) -> Callable[[ast.AST], None]:
    return lambda node: setattr(node, field, value)


def _without(node: ast.Call, position: int) -> Change:
    name = node.keywords[position].arg
    rest = node.keywords[:position] + node.keywords[position + 1 :]
    return f"{ast.unparse(node)} without {name}", _set("keywords", rest)


def noticed(variant: Variant) -> str:
    """Who notices a mutant: the name of a check, a seed; empty for nobody."""
    try:
        code = loaded({"life": variant.tree})
    except Exception as error:
        return f"import: {type(error).__name__}"
    for check in CHECKS:
        try:
            check(code.modules["life"])
        except Exception:
            return check.__name__
    for seed in range(SEEDS):
        if simulate(seed, code).violation is not None:
            return f"seed {seed}"
    return ""


class Survey(NamedTuple):
    """How the mutation run went: how many mutants, who survived, who is not accounted for."""

    mutants: int
    survivors: list[str]
    unexplained: list[str]


def survey() -> Survey:
    """Run all mutants and compare the survivors with the list."""
    reasons = json.loads(SURVIVORS.read_text()) if SURVIVORS.exists() else {}
    names, survivors = 0, []
    for variant in variants():
        names += 1
        if not noticed(variant):
            survivors.append(variant.name)
    return Survey(names, survivors, [name for name in survivors if not reasons.get(name)])


def main() -> int:
    """Print the survivors; fail on one without a reason."""
    result = survey()
    print(f"{result.mutants} mutants, {len(result.survivors)} survive")
    for name in result.survivors:
        mark = "UNEXPLAINED" if name in result.unexplained else "explained"
        print(f"  {mark:<12} {name}")
    return 1 if result.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
