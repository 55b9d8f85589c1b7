"""Answers questions about documents, with sources, and refuses what they do not answer.

The numbers here were measured with a model of 135 million parameters: one worked example and one
or two short passages help it most, and it never refuses by itself, so the score does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.vectorstores import VectorStore

from llmanager_sdk.rag.chunks import body, sentences

FOUND = 8
"""Passages that are looked at closely."""
SHOWN = 3
"""Passages that are shown as sources."""
READ = 1
"""Passages that the model reads of: a second one confuses a small model."""
AROUND = 1
"""Sentences that it reads before and behind the nearest one of each."""
REFUSE = 0.42
"""The cosine below which not even the nearest sentence answers a question."""
REFUSAL = "The documents do not say."
MOST_TOKENS = 48
STOP = ["\n", ". "]
"""One sentence: what a small model adds to it is made up."""

_EXAMPLE: tuple[BaseMessage, ...] = (
    HumanMessage(
        "Context: The library opens at nine on weekdays. On Sundays it is closed. Members may "
        "borrow five books for three weeks.\n\nQuestion: How many books may a member borrow?"
    ),
    AIMessage("A member may borrow five books, for three weeks."),
)
_LEANING = re.compile(
    r"^(and|but|so|then|why|what about)\b|\b(it|its|they|them|their|that|this|those|one)\b",
    re.I,
)


@dataclass(frozen=True)
class Sources:
    """The passages that were found, best first, and how near the best one is."""

    passages: Sequence[Document]
    best: float


@dataclass(frozen=True)
class Token:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True)
class Quote:
    """The sentence nearest to the answer, of those that the model read."""

    text: str
    source: str


@dataclass(frozen=True)
class Refused:
    """The documents do not answer the question."""

    text: str


Event = Sources | Token | Quote | Refused
Near = tuple[float, str, Document]
"""A cosine, the sentence that it belongs to, and the passage of that sentence."""


class DocsChat:
    """A conversation about documents.

    Args:
        llm: any chat model.
        store: any vector store whose embeddings have unit length.
        history: where the conversation is kept.
    """

    def __init__(
        self, llm: BaseChatModel, store: VectorStore, history: BaseChatMessageHistory
    ) -> None:
        self._llm = llm
        self._store = store
        self._history = history

    def ask(self, question: str) -> Iterator[Event]:
        """Answer one question; the events come as they happen.

        A question that leans on the one before it ("and how long does it take?") is looked up
        together with that one, and answered with that turn before the model's eyes.
        """
        earlier = self._last_answered() if _LEANING.search(question) else []
        wanted = " ".join([*(x.text for x in earlier[:1]), question])
        near = self._nearest(wanted)
        best = near[0][0] if near else 0.0
        passages = [passage for _, _, passage in near[:SHOWN]]
        yield Sources(passages, best)
        if best < REFUSE:
            answer = REFUSAL
            yield Refused(answer)
        else:
            answer = ""
            for text in self._answer(question, near[:READ], earlier):
                answer += text
                yield Token(text)
            yield self._quote(answer, near[:READ])
        self._history.add_messages([HumanMessage(question), AIMessage(answer.strip())])

    def _last_answered(self) -> list[BaseMessage]:
        """The latest question that got an answer, and the answer."""
        messages = list(self._history.messages)
        pairs = zip(messages[-2::-2], messages[::-2], strict=False)
        return next(([asked, told] for asked, told in pairs if told.text != REFUSAL), [])

    def _nearest(self, question: str) -> list[Near]:
        """Passages by their nearest sentence, which tells more than the passage as a whole."""
        found = self._store.similarity_search(question, k=FOUND)
        pairs = [(sentence, i) for i, passage in enumerate(found) for sentence in _told(passage)]
        if not pairs:
            return []
        scores = self._cosines(question, [sentence for sentence, _ in pairs])
        scored = sorted(
            ((score, *pair) for score, pair in zip(scores, pairs, strict=True)), reverse=True
        )
        best: dict[int, Near] = {}
        for score, sentence, i in scored:
            best.setdefault(i, (score, sentence, found[i]))
        return list(best.values())

    def _quote(self, answer: str, near: Sequence[Near]) -> Quote:
        """What the answer is most like: that is what it was made of."""
        read = [(each, x) for _, told, x in near for each in _window(told, x)]
        scores = self._cosines(answer, [sentence for sentence, _ in read])
        _, sentence, passage = max(
            ((score, *pair) for score, pair in zip(scores, read, strict=True)),
            key=lambda scored: scored[0],
        )
        return Quote(sentence, str(passage.metadata.get("source", "")))

    def _cosines(self, text: str, sentences: Sequence[str]) -> list[float]:
        embeddings: Any = self._store.embeddings
        wanted = embeddings.embed_query(text)
        vectors = embeddings.embed_documents(sentences)
        return [sum(a * b for a, b in zip(each, wanted, strict=True)) for each in vectors]

    def _answer(
        self, question: str, near: Sequence[Near], earlier: Sequence[BaseMessage]
    ) -> Iterator[str]:
        context = " ".join(each for _, told, passage in near for each in _window(told, passage))
        asked = HumanMessage(f"Context: {context}\n\nQuestion: {question}")
        messages = [*_EXAMPLE, asked]
        text = ""
        for chunk in self._llm.stream(messages, stop=STOP, temperature=0, max_tokens=MOST_TOKENS):
            text = chunk.text or text
            if chunk.text:
                yield chunk.text
        if not text.rstrip().endswith((".", "!", "?")):
            yield "."


def _told(passage: Document) -> list[str]:
    return sentences(body(passage)) or [body(passage)]


def _window(sentence: str, passage: Document) -> list[str]:
    """A sentence with its neighbours."""
    told = _told(passage)
    at = told.index(sentence)
    around = told[max(at - AROUND, 0) : at + AROUND + 1]
    return [each for each in around if each == sentence or "|" not in each]
