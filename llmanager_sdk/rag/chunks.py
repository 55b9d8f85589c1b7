"""Splits documents into passages of one thought: by heading, by paragraph, by sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from langchain_core.documents import Document

WORDS_MOST = 110
"""Words of a passage: about 150 tokens, which is what a small model reads well."""
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[A-Z0-9`*\"'(])")


def split(documents: Sequence[Document]) -> list[Document]:
    """Passages with `source` and `heading`, the path of headings above them.

    The path is the first line of a passage too: it says what the passage is about, so it is
    embedded with it.
    """
    return [passage for document in documents for passage in _split(document)]


def _split(document: Document) -> Iterator[Document]:
    source = document.metadata.get("source", "")
    for heading, paragraphs in _sections(document.page_content):
        for text in _packed(paragraphs):
            titled = f"{heading}\n{text}" if heading else text
            yield Document(titled, metadata={"source": source, "heading": heading})


def body(passage: Document) -> str:
    """A passage without its path of headings."""
    return passage.page_content.removeprefix(f"{passage.metadata.get('heading', '')}\n")


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Headings and the paragraphs under each; code stays in one piece."""
    path: list[tuple[int, str]] = []
    paragraphs: list[str] = []
    lines: list[str] = []
    fenced = False

    def close() -> None:
        if any(line.strip() for line in lines):
            paragraphs.append("\n".join(lines).strip("\n"))
        lines.clear()

    for line in text.splitlines():
        if _FENCE.match(line):
            fenced = not fenced
        heading = None if fenced else _HEADING.match(line)
        if heading:
            close()
            if paragraphs:
                yield " / ".join(title for _, title in path), list(paragraphs)
                paragraphs.clear()
            level = len(heading[1])
            path = [each for each in path if each[0] < level] + [(level, heading[2])]
        elif not line.strip() and not fenced:
            close()
        else:
            lines.append(line)
    close()
    if paragraphs:
        yield " / ".join(title for _, title in path), list(paragraphs)


def _packed(paragraphs: Sequence[str]) -> Iterator[str]:
    """Neighbours together, as long as they fit."""
    held: list[str] = []
    count = 0
    for piece in (part for each in paragraphs for part in _pieces(each)):
        words = len(piece.split())
        if held and count + words > WORDS_MOST:
            yield "\n".join(held)
            held, count = [], 0
        held.append(piece)
        count += words
    if held:
        yield "\n".join(held)


def _pieces(paragraph: str) -> Iterator[str]:
    if len(paragraph.split()) <= WORDS_MOST:
        yield paragraph
        return
    held: list[str] = []
    for sentence in _SENTENCE.split(paragraph):
        if held and sum(len(x.split()) for x in held) + len(sentence.split()) > WORDS_MOST:
            yield " ".join(held)
            held = []
        held.append(sentence)
    yield " ".join(held)


def sentences(text: str) -> list[str]:
    """The sentences of a passage, without list marks and line breaks."""
    flat = re.sub(r"\n\s*[-*|]\s*", ". ", text)
    flat = re.sub(r"\s+", " ", flat).replace("..", ".")
    return [each.strip() for each in _SENTENCE.split(flat) if len(each.split()) > 2]
