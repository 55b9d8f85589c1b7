"""Splits documents into passages of one thought: by heading, by paragraph, by sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from langchain_core.documents import Document

WORDS_MOST = 110
"""Words of a passage: about 150 tokens, which is what a small model reads well."""
LETTERS_MOST = 1000
"""Letters of a passage, for languages without spaces, and for tables and logs."""
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[A-Z0-9`*\"'(])|(?<=[。！？])\s*")
_CUTS = (_SENTENCE, " "), (re.compile(r"\n"), "\n"), (re.compile(r"\s+"), " ")
"""Where what is too long is cut, in turn, and what joins the parts again."""
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


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
    yield from _joined((part for each in paragraphs for part in _pieces(each)), "\n")


def _pieces(text: str, level: int = 0) -> Iterator[str]:
    """Parts that fit: of whole sentences, else of lines, else of words, else of letters."""
    if _fits(text):
        yield text
    elif level == len(_CUTS):
        yield from (text[i : i + LETTERS_MOST] for i in range(0, len(text), LETTERS_MOST))
    else:
        pattern, glue = _CUTS[level]
        for part in _joined(filter(None, pattern.split(text)), glue):
            yield from _pieces(part, level + 1)


def _joined(parts: Iterable[str], glue: str) -> Iterator[str]:
    """Neighbours together, as long as they fit."""
    held = ""
    for part in parts:
        longer = f"{held}{glue}{part}" if held else part
        if held and not _fits(longer):
            yield held
            longer = part
        held = longer
    if held:
        yield held


def _fits(text: str) -> bool:
    return len(text) <= LETTERS_MOST and len(text.split()) <= WORDS_MOST


def sentences(text: str) -> list[str]:
    """The sentences of a passage, without list marks and line breaks."""
    flat = re.sub(r"\n\s*[-*|]\s*", ". ", text)
    flat = re.sub(r"\s+", " ", flat).replace("..", ".")
    found = (each.strip() for each in _SENTENCE.split(flat))
    return [each for each in found if len(each.split()) > 2 or len(_UNSPACED.findall(each)) > 4]
