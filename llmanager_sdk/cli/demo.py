"""`llmanager demo`: the main job from nothing to nothing left, with its answers checked."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from llmanager_sdk.cli.chat import show
from llmanager_sdk.cli.output import table
from llmanager_sdk.cli.transcript import Printed, told
from llmanager_sdk.errors import ConfigurationError

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from llmanager_sdk.rag.chat import DocsChat

QUESTIONS: tuple[tuple[str, str], ...] = (
    ("How long does an idle engine stay after its last use?", r"\b15 min"),
    ("Which engine is used for chat?", r"llama\.cpp"),
    ("Where is the chat history kept?", r"SQLite"),
)
UNANSWERABLE = "What is the boiling point of liquid nitrogen?"
FOLLOW_UP = ("And where are the documents kept?", r"\bLance\b")


def _own_docs() -> list[Path]:
    root = Path(__file__).resolve().parent.parent.parent
    found = [path for path in (root / "README.md", root / "docs") if path.exists()]
    if not found:
        raise ConfigurationError(
            "the project's own documents are not part of this installation",
            step="read the documents",
            hint="name a folder of yours: llmanager demo --docs FOLDER",
        )
    return found


def demo(args: argparse.Namespace) -> int:
    """From nothing to nothing left; 1 if an answer is wrong or something is left."""
    from llmanager_sdk.chat_history import ChatHistory
    from llmanager_sdk.chat_model import ManagedLLM
    from llmanager_sdk.rag.chat import DocsChat
    from llmanager_sdk.vector_store import ManagedVectorStore

    began = time.monotonic()
    name = f"demo-{time.time_ns()}"
    store, history = ManagedVectorStore(name), ChatHistory(name)
    llm = ManagedLLM(args.model, idle_timeout=args.idle_timeout or "5m", progress=show())
    try:
        _step("1. Read the documents, embed them, keep them")
        store.add_documents(_passages(args))
        print(f"  {store.count()} passages are in {store!r}")
        _step("2. Bring the engine up")
        print(f"  {llm.resource.warm()}")
        chat = DocsChat(llm, store, history)
        if args.docs or args.question:
            _ask(chat, "Your question", args.question or "What is this about?")
            wrong = []
        else:
            wrong = _ask_all(chat)
        _step("What is running now (llmanager ls)")
        _list()
        _step("Stop it")
        print(f"  {llm.resource.stop()}")
        left = _list()
    finally:  # its documents and messages are nobody's, also where it was interrupted
        history.clear()
        store.clear()
    verdict = f"WRONG: {'; '.join(wrong)}" if wrong else "Done, and nothing is left"
    print(f"\n{verdict}. {time.monotonic() - began:.0f} s in all.")
    return 1 if wrong or left else 0


def _passages(args: argparse.Namespace) -> list[Document]:
    from llmanager_sdk.rag.chunks import split
    from llmanager_sdk.rag.documents import read_folder

    folders = [Path(args.docs)] if args.docs else _own_docs()
    return split([each for folder in folders for each in read_folder(folder)])


def _ask_all(chat: DocsChat) -> list[str]:
    """The five questions; what went wrong."""
    wrong = []
    for question, pattern in QUESTIONS:
        wrong += _check(_ask(chat, "A question", question), question, pattern)
    if not _ask(chat, "A question that the documents do not answer", UNANSWERABLE).refused:
        wrong.append(f"{UNANSWERABLE!r} was not refused")
    question, pattern = FOLLOW_UP
    printed = _ask(chat, "A question that leans on the conversation", question)
    return wrong + _check(printed, question, pattern)


def _check(printed: Printed, question: str, pattern: str) -> list[str]:
    right = re.search(pattern, printed.answer, re.I)
    return [] if right else [f"{question!r} was answered {printed.answer!r}"]


def _ask(chat: DocsChat, title: str, question: str) -> Printed:
    _step(title)
    print(f"  Q: {question}\n  A: ", end="", flush=True)
    return told(chat.ask(question))


def _list() -> bool:
    from llmanager_sdk.cli.resources import statuses
    from llmanager_sdk.platforms import resolve

    platform = resolve()
    alive = [x for x in statuses(platform.keeper.engine, platform.name) if x.phase != "cold"]
    rows = [{"NAME": x.key, "STATE": x.phase, "GOES": x.leaves} for x in alive]
    table(rows, "  nothing is running")
    return bool(alive)


def _step(title: str) -> None:
    print(f"\n== {title}", flush=True)
