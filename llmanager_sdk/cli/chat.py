"""`llmanager chat`: a conversation, with a model alone or about a folder of documents."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from llmanager_sdk.cli.output import as_json
from llmanager_sdk.cli.transcript import told
from llmanager_sdk.core.ports import Progress
from llmanager_sdk.resource.show import Show, line

if TYPE_CHECKING:
    from llmanager_sdk.chat_history import ChatHistory
    from llmanager_sdk.chat_model import ManagedLLM


def show() -> Show:
    """A line that is drawn over on a terminal; whole lines elsewhere."""
    return "auto" if sys.stderr.isatty() else _say


def _say(progress: Progress) -> None:
    print(f"  .. {line('engine', progress)}", file=sys.stderr, flush=True)


def chat(args: argparse.Namespace) -> int:
    """Talk until the end of input."""
    from llmanager_sdk.chat_history import ChatHistory
    from llmanager_sdk.chat_model import ManagedLLM

    session = args.session or f"chat-{time.strftime('%Y%m%d-%H%M%S')}"
    history = ChatHistory(session)
    with ManagedLLM(args.model, idle_timeout=args.idle_timeout, progress=show()) as llm:
        if args.docs:
            from llmanager_sdk.rag.chat import DocsChat
            from llmanager_sdk.rag.library import library

            store, count = library(Path(args.docs))
            if not args.json:
                print(f"{count} passages of {args.docs} are ready.")
            docs = DocsChat(llm, store, history)
            for question in _questions(args):
                printed = told(docs.ask(question), quiet=args.json)
                if args.json:
                    as_json({"question": question} | printed.as_dict())
            return 0
        for question in _questions(args):
            answer = _plain(llm, history, question, quiet=args.json)
            if args.json:
                as_json({"question": question, "answer": answer})
    return 0


def _plain(llm: ManagedLLM, history: ChatHistory, question: str, *, quiet: bool) -> str:
    from langchain_core.messages import AIMessage, HumanMessage

    asked = HumanMessage(question)
    answer = ""
    for chunk in llm.stream([*history.last(20), asked]):
        answer += chunk.text
        if not quiet:
            print(chunk.text, end="", flush=True)
    if not quiet:
        print()
    history.add_messages([asked, AIMessage(answer)])
    return answer


def _questions(args: argparse.Namespace) -> Iterator[str]:
    if args.question:
        yield " ".join(args.question)
        return
    while True:
        try:
            question = input("> " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return
        if question in ("exit", "quit"):
            return
        if question:
            yield question
