"""Search among 100,000 vectors, and the quality of search among real passages."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check

COMMAND = "make accept ONLY=local-9"
SPEED = "make bench ARGS=vectors"


@check("local-9")
def vectors() -> Iterator[Line]:
    """Speed and recall against the peers; rows of another process; recall@5 by mode."""
    from benchmarks import bench_vectors

    for name, mine, theirs, peer in bench_vectors.compared():
        assert theirs is not None
        ratio = mine.p50 / theirs.p50
        exact = name.startswith("exact")
        bound, recall = (3.0, 1.0) if exact else (0.15, 0.99)
        told = (
            f"p50 {mine.p50:.1f} ms : {theirs.p50:.1f} ms = {ratio:.3f}, recall {mine.recall:.3f}"
        )
        if peer == "chroma":
            yield Line(f"{name}, beside {peer}", SPEED, told, "shown", True)
            continue
        fine = ratio <= bound and mine.recall >= recall - 1e-9
        yield Line(f"{name} : {peer}", SPEED, told, f"<= {bound} x, recall >= {recall}", fine)
    seen = bench_vectors.second_process()
    claim = "rows that a second process adds are seen by the next query"
    yield Line(claim, COMMAND, str(seen), "True", seen)
    found = bench_vectors.quality()
    told = ", ".join(f"{mode} {share:.3f}" for mode, share in found.items())
    fine = found["hybrid"] >= max(found["dense"], found["text"])
    claim = "recall@5 of 300 known-item questions over 6,000 real passages"
    yield Line(claim, COMMAND, told, "hybrid >= both", fine)
