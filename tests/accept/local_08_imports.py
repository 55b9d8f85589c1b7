"""What an import costs."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check


@check("local-8")
def imports() -> Iterator[Line]:
    """The benchmark of imports, with its goals as bounds."""
    from benchmarks.bench_imports import rows

    for row in rows():
        yield Line(
            row.name,
            "make bench ARGS=imports",
            f"{row.ours:.1f} ms / {row.peer} {row.theirs:.0f} ms = {row.ratio:.3f}",
            f"<= {row.goal:g} x",
            row.ok,
        )
