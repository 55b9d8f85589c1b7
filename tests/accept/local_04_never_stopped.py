"""An engine is never stopped while a call is open; an idle one goes in time and comes back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.homes import home
from tests.local import scenes

COMMAND = "make accept ONLY=local-4"


@check("local-4")
def never_stopped() -> Iterator[Line]:
    """Streams longer than the lease, sleepers, idle ends, and the way back."""
    with home() as folder:
        seconds, finish = scenes.long_stream(folder, idle=1.0, tokens=1500)
    yield Line(
        f"a stream of {seconds:.0f} s with an idle timeout of 1 s",
        COMMAND,
        f"ended by {finish!r}",
        "whole: 'stop' or 'length'",
        finish in ("stop", "length") and seconds > 4,
    )
    sleepers = {"user, host and engine": scenes.slept, "only the user": scenes.paused_reader}
    for who, scene in sleepers.items():
        with home() as folder:
            said = scene(folder, 1.0, 8.0)
        yield Line(
            f"SIGSTOP of {who} in mid-stream for 8 s, idle timeout 1 s",
            COMMAND,
            said,
            "whole: 'stop' or 'length'",
            said.split()[0] in ("stop", "length"),
        )
    with home() as folder:
        gone = scenes.gone_after(folder, 3.0)
        again = scenes.llm(max_tokens=4).invoke("Say hello").content
    bound = 3 + 2 + 5
    yield Line(
        "idle timeout 3 s: gone after its last use",
        COMMAND,
        f"{gone:.1f} s",
        f"3 to {bound} s",
        3 < gone <= bound,
    )
    yield Line("the next call brings it back", COMMAND, repr(again), "an answer", bool(again))
    slept = "tests/local/test_never_stopped.py::test_a_machine_that_slept_for_hours_keeps"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"{slept}_an_engine_with_an_open_call"],
        capture_output=True,
        text=True,
        check=False,
    )
    yield Line(
        "a clock that jumps by 8 hours under an open call",
        COMMAND,
        done.stdout.strip().splitlines()[-1],
        "1 passed",
        done.returncode == 0,
    )
