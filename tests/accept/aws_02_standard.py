"""LangChain's standard suites on aws, and the contract suites on both platforms."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.local_02_standard import OWED, suite

COMMAND = "make accept ONLY=aws-2"
CONTRACTS = (
    ("registry: memory, SQLite, DynamoDB", "tests/registry/test_contract.py", 20),
    ("history: SQLite, DynamoDB", "tests/history/test_contract.py", 20),
)


@check("aws-2")
def standard() -> Iterator[Line]:
    """Chat model and embeddings, unit and integration; registry and history."""
    found, skips = suite("tests/aws/test_standard.py")
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
    good = found["passed"] >= 62 and not found["failed"] and not found["xfailed"]
    bound = ">= 62 passed, 0 failed, 0 xfailed"
    yield Line("standard suites on aws: chat model, embeddings", COMMAND, told, bound, good)
    for reason, count in skips.items():
        owed = any(words in reason.lower() for words in OWED)
        yield Line("skipped on aws", COMMAND, f"{count} x {reason}", "owed skips only", owed)
    for name, path, least in CONTRACTS:
        found, skips = suite(path)
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
        good = found["passed"] >= least and set(found) == {"passed"}
        yield Line(f"contract of the {name}", f"pytest {path}", told, "all pass", good)
