"""LangChain's standard suites against local: counts, skips with their reasons, and an agent."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.accept.harness import Line, check
from tests.accept.homes import home
from tests.local import scenes

COMMAND = "make accept ONLY=local-2"
OWED = (
    "not serializable",
    "does not support image",
    "does not support pdf",
    "does not support audio",
)
"""Skips that are owed: LangChain loads only its own classes; media come from the web."""


@check("local-2")
def standard() -> Iterator[Line]:
    """Chat model, embeddings and vector store, unit and integration, sync and async."""
    for name, least in (("chat_model", 54), ("embeddings", 8), ("vector_store", 25)):
        found, skips = suite(f"tests/{name}/test_standard.py")
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
        good = found["passed"] >= least and not found["failed"] and not found["xfailed"]
        bound = f">= {least} passed, 0 failed, 0 xfailed"
        yield Line(f"standard suites: {name}", COMMAND, told, bound, good)
        for reason, count in skips.items():
            owed = any(words in reason.lower() for words in OWED)
            claim = f"skipped in {name}"
            yield Line(claim, COMMAND, f"{count} x {reason}", "owed skips only", owed)
    with home():
        calls, answer = _agent()
    yield Line(
        "a create_agent with one tool ends by itself",
        COMMAND,
        f"{calls} tool calls, then {answer[:40]!r}",
        "'sunny' after 1 to 3 calls",
        1 <= calls <= 3 and "sunny" in answer,
    )


def suite(path: str) -> tuple[Counter[str], Counter[str]]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", path, f"--junitxml={report}"]
        subprocess.run(command, capture_output=True, check=False)
        cases = ET.parse(report).getroot().iter("testcase")
        found: Counter[str] = Counter()
        skips: Counter[str] = Counter()
        for case in cases:
            verdict = "passed"
            for part in case:
                if part.tag in ("failure", "error"):
                    verdict = "failed"
                elif part.tag == "skipped":
                    verdict = "xfailed" if "xfail" in str(part.get("type")) else "skipped"
                    skips[str(part.get("message"))] += 1
            found[verdict] += 1
    return found, skips


def _agent() -> tuple[int, str]:
    from langchain.agents import create_agent
    from langchain_core.messages import ToolMessage
    from langchain_core.tools import tool

    @tool
    def get_weather(city: str) -> str:
        """Get the weather in a city."""
        return f"It is sunny in {city}."

    agent = create_agent(scenes.llm(max_tokens=60), [get_weather])
    state = agent.invoke(
        {"messages": [("user", "What is the weather in Paris?")]}, {"recursion_limit": 10}
    )
    calls = sum(isinstance(message, ToolMessage) for message in state["messages"])
    return calls, str(state["messages"][-1].text)
