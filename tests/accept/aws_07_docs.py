"""The documents of the platform aws: what it makes, costs and needs, and what nobody verified."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.local_02_standard import suite
from tests.aws import pages
from tests.aws.flows import quick_account
from tests.aws.policy import UNSEEN, Policed, allowed, days, needed

SUITES = (
    ("sections, options, prices, names and tags of docs/aws.md", "tests/aws/test_pages.py", 4),
    ("docs/facts.md: every place exists, every mark is listed", "tests/test_facts.py", 10),
)


@check("aws-7")
def documents() -> Iterator[Line]:
    """Against the code, and against what is called in an account that allows nothing else."""
    for claim, path, least in SUITES:
        found, _ = suite(path)
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
        good = found["passed"] >= least and set(found) == {"passed"}
        yield Line(claim, f"pytest {path}", told, "all pass", good)
    text = pages.text()
    missing = [each for each in pages.SECTIONS if f"\n## {each}\n" not in text]
    told = ", ".join(missing) or f"{len(pages.SECTIONS)} sections"
    yield Line(
        "what, how much, how it ends, permissions", "docs/aws.md", told, "none lacks", not missing
    )
    yield from _policy()


def _policy() -> Iterator[Line]:
    command, actions = "pytest tests/aws/test_policy.py", allowed()
    with quick_account() as (aws, folder):
        aws.faults = Policed(actions)
        scenes = [what for what, _ in days(aws, folder)]
        called = set().union(*(needed(action) for action in aws.faults.calls))
    told = f"{len(scenes)} scenes, {len(called)} actions"
    enough = called <= actions
    yield Line("the policy is enough for a namespace's life", command, told, "no refusal", enough)
    spare = actions - called - UNSEEN
    told = ", ".join(sorted(spare)) or "none"
    yield Line("actions of the policy that nothing needs", command, told, "none", not spare)
