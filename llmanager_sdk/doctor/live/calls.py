"""How probes make calls that are meant to be refused, for a while or for good."""

from __future__ import annotations

from collections.abc import Callable

from llmanager_sdk.aws.answers import said
from llmanager_sdk.doctor.live.bench import Bench
from llmanager_sdk.doctor.live.probe import Seen

SOON_S = 60.0
"""How long what was accepted may be unseen elsewhere."""


def refused(call: Callable[[], object]) -> Exception | None:
    """What a call is refused with; None if it is accepted."""
    try:
        call()
    except Exception as error:
        return error
    return None


def judged(error: Exception | None, fits: Callable[[Exception], bool]) -> Seen:
    """For a call that must be refused in words that are understood."""
    if error is None:
        return Seen(False, "it was accepted")
    return Seen(fits(error), f"{said(error).code}: {said(error).message}")


def accepted(
    bench: Bench, call: Callable[[], object], fits: Callable[[Exception], bool], most: float
) -> Seen:
    """For a call that may be refused for a while, in words that are understood."""
    refusals: list[str] = []

    def done() -> bool:
        error = refused(call)
        if error is not None and not fits(error):
            raise error
        refusals.extend([said(error).message] if error is not None else [])
        return error is None

    took = bench.wait(done, most, every=2.0)
    if took is None:
        return Seen(False, f"still refused after {most:.0f} s: {refusals[-1]}")
    return Seen(True, f"after {took:.0f} s: {refusals[0]}" if refusals else "at once")


def assumes(error: Exception) -> bool:
    """A role that was made a moment ago cannot be taken on yet."""
    return "assume role" in said(error).message.lower()
