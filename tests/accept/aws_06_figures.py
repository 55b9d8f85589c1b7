"""What the platform aws costs beyond AWS's own time, beside boto3 and langchain-aws."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check

COMMAND = "make bench ARGS=aws"


@check("aws-6")
def figures() -> Iterator[Line]:
    """One run of the benchmark, with its goals as bounds."""
    from benchmarks.bench_aws import rows

    for row in rows():
        theirs = "" if row.theirs is None else f" / {row.peer} {row.theirs:.3g} {row.unit}"
        yield Line(
            row.name,
            COMMAND,
            f"{row.ours:.3g} {row.unit}{theirs} = {row.ratio:.3f}",
            f"<= {row.goal:g} {row.unit if row.theirs is None else 'x'}",
            row.ok,
        )
