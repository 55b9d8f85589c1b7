"""Streams cut anywhere, with errors in the middle, cut off: property-tested."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.local_02_standard import suite


@check("aws-5")
def streams() -> Iterator[Line]:
    """The decoders of frames and of events; botocore's as a second opinion on frames."""
    for path in ("tests/wire/test_frames.py", "tests/wire/test_events.py"):
        found, _ = suite(path)
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
        good = set(found) == {"passed"} and found["passed"] >= 5
        yield Line(f"properties in {path}", f"pytest {path}", told, "all pass", good)
