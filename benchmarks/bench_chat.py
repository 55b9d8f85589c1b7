"""What a call costs beyond the engine's work, against langchain-openai's ChatOpenAI.

CPU time of this process, both against the same canned server; the last row is wall time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.canned_platform import CannedPlatform
from benchmarks.canned_server import SLOTS, canned
from benchmarks.harness import Row, cpu_rounds, crowd_seconds


def rows() -> Iterator[Row]:
    """A warm invoke, 500 chunks, 200 concurrent calls."""
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    from llmanager_sdk import ManagedLLM

    with canned() as url, tempfile.TemporaryDirectory() as home:
        ours = ManagedLLM(platform=CannedPlatform(url, Path(home), SLOTS), progress="off")
        theirs = ChatOpenAI(model="canned", base_url=url, api_key=SecretStr("x"), stream_usage=True)
        ours.invoke("hello")
        theirs.invoke("hello")
        mine, other = cpu_rounds(
            [lambda: ours.invoke("hello"), lambda: theirs.invoke("hello")], 15, 20
        )
        yield Row("warm invoke", mine * 1e6, other * 1e6, "ChatOpenAI", "us CPU", 0.35)

        mine, other = cpu_rounds(
            [lambda: list(ours.stream("chunks 500")), lambda: list(theirs.stream("chunks 500"))],
            11,
            2,
        )
        yield Row("500 chunks", mine * 1e3, other * 1e3, "ChatOpenAI", "ms CPU", 0.25)

        yield Row("200 ainvoke of 1 s", crowd_seconds(ours), None, "", "s wall", 1.2)
