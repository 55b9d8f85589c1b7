"""What a call costs beyond the engine's work."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check


@check("local-10")
def overhead() -> Iterator[Line]:
    """The benchmark of calls, with its goals as bounds."""
    from benchmarks.bench_chat import rows

    for row in rows():
        theirs = f" / {row.peer} {row.theirs:.3g} {row.unit}" if row.theirs else ""
        yield Line(
            row.name,
            "make bench ARGS=chat",
            f"{row.ours:.3g} {row.unit}{theirs} = {row.ratio:.3f}",
            f"<= {row.goal:g}{' x' if row.theirs else ' s'}",
            row.ok,
        )
