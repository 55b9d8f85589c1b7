"""The templates: size, linters, house rules for permissions, and the code that is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmanager_sdk.deploy.templates import template
from llmanager_sdk.testing.aws.template import load
from tests.accept.harness import Line, check
from tests.accept.local_02_standard import suite
from tests.infra import rules, test_template

COMMAND = "make accept ONLY=stack-2"
TESTS = ("tests/infra/test_template.py", "tests/infra/test_inlined.py")
MOST_BYTES, MOST_EXCEPTIONS, MOST_STARS = 51_200, 7, 3


@check("stack-2")
def templates() -> Iterator[Line]:
    """What is told here is measured anew, beside the tests."""
    text = template()
    size = len(text.encode())
    yield Line(
        "bytes of the core template", COMMAND, f"{size:,}", f"<= {MOST_BYTES:,}", size <= MOST_BYTES
    )
    code = load(text)["Resources"]["Reaper"]["Properties"]["Code"]["ZipFile"].splitlines()
    prose = sum(bool(re.match(r' *("""|#)', line)) for line in code)
    told = f"{len(code)} lines, {max(map(len, code))} wide, {prose} comments and docstrings"
    yield Line("its code is not minified", COMMAND, told, "comments are kept", prose > 50)
    yield from _linted()
    yield from _ruled(text)
    claims = "each rule would find a fault", "the code is the sources but for imports, runs alone"
    for claim, path in zip(claims, TESTS, strict=True):
        found, _ = suite(path)
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
        good = set(found) == {"passed"} and found["passed"] >= 10
        yield Line(claim, f"pytest {path}", told, "all pass", good)


def _linted() -> Iterator[Line]:
    for path in (test_template.CORE, test_template.ALARMS):
        done = test_template.lint(path)
        told = done.stdout.strip() or "nothing"
        yield Line(f"cfn-lint on {path.name}", COMMAND, told[:200], "nothing", done.returncode == 0)
        found = test_template.checked(path)
        reasons = test_template.EXCEPTIONS
        yield Line(
            f"checkov on {path.name}",
            COMMAND,
            ", ".join(sorted(found)) or "nothing",
            f"at most {MOST_EXCEPTIONS}, each with its reason",
            found <= reasons.keys() and len(reasons) <= MOST_EXCEPTIONS,
        )


def _ruled(text: str) -> Iterator[Line]:
    core = load(text)
    for rule in rules.RULES:
        wrong = rule(core)
        claim = f"rule: {(rule.__doc__ or '').splitlines()[0].rstrip('.')}"
        yield Line(claim, COMMAND, "; ".join(wrong)[:200] or "kept", "kept", not wrong)
    stars = sum("*" in rules.listed(each["Resource"]) for _, each in rules.statements(core))
    yield Line(
        "statements on any resource", COMMAND, str(stars), f"<= {MOST_STARS}", stars <= MOST_STARS
    )
