"""How an answer about documents looks on a terminal, while it comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from llmanager_sdk.rag.chat import REFUSE, Event, Quote, Refused, Sources, Token


@dataclass
class Printed:
    """What was answered.

    Attributes:
        refused: the documents do not answer the question.
        best: the cosine of the best passage.
    """

    answer: str = ""
    refused: bool = False
    best: float = 0.0
    quote: str = ""
    sources: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def told(events: Iterable[Event], *, quiet: bool = False) -> Printed:
    """Print an answer as it comes, then its sources and the nearest sentence."""
    printed = Printed()
    for event in events:
        match event:
            case Sources(passages, best):
                printed.best = best
                printed.sources = [_place(x.metadata) for x in passages]
            case Token(text):
                printed.answer += text
                if not quiet:
                    print(text, end="", flush=True)
            case Refused(text):
                printed.answer, printed.refused = text, True
                if not quiet:
                    print(text, end="")
            case Quote(text, source):
                printed.quote = f'"{text}" ({source})'
    if not quiet:
        print()
        if printed.refused:
            print(f"     (the nearest sentence is {printed.best:.2f} near, {REFUSE} is asked for)")
        else:
            print(f"     nearest: {printed.quote}")
            print(f"     sources: {'; '.join(dict.fromkeys(printed.sources))}")
    return printed


def _place(metadata: dict[str, Any]) -> str:
    heading = str(metadata.get("heading", "")).split(" / ")[-1]
    return f"{metadata.get('source', '')}{' # ' + heading if heading else ''}"
