"""Reading, splitting, answering, refusing; with a model that says what the test tells it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from llmanager_sdk import ChatHistory, ManagedVectorStore
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.rag.chat import REFUSAL, DocsChat, Quote, Refused, Sources, Token
from llmanager_sdk.rag.chunks import LETTERS_MOST, WORDS_MOST, body, sentences, split
from llmanager_sdk.rag.documents import read_folder
from llmanager_sdk.rag.library import library


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


def test_text_files_are_read_and_others_are_not(tmp_path: Path) -> None:
    here = folder(tmp_path / "d", a_md="# A", b_txt="text", c_html="<p>x &amp; y</p>", d_py="code")
    (here / ".hidden.md").write_text("no")
    (here / "empty.md").write_text(" ")
    (here / "bytes.txt").write_bytes(b"caf\xe9")
    found = {x.metadata["source"]: x.page_content.strip() for x in read_folder(here)}
    assert found == {"a.md": "# A", "b.txt": "text", "bytes.txt": "caf�", "c.html": "x & y"}
    assert read_folder(here / "a.md")[0].metadata["source"] == "a.md"


def test_folders_without_documents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="no documents"):
        read_folder(folder(tmp_path / "d", a_py="x"))


def test_passages_have_their_headings_and_an_end() -> None:
    long = "A sentence of five words. " * 100
    code = "```\n# no heading\n\ncode\n```"
    text = f"intro\n\n# One\n\nfirst\n\n## Two\n\n{long}\n\n{code}\n\n# Three\n\nend"
    found = split([Document(text, metadata={"source": "s"})])
    headings = [x.metadata["heading"] for x in found]
    assert headings[:2] == ["", "One"]
    assert headings[-1] == "Three"
    assert set(headings[2:-1]) == {"One / Two"}
    assert all(len(body(x).split()) <= WORDS_MOST for x in found)
    assert "# no heading\n\ncode" in found[-2].page_content
    assert found[1].page_content == "One\nfirst"


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"12:00 worker {i} finished job {i} with status 0" for i in range(3000)),
        "```\n" + "\n".join(f"option_{i} = {i}" for i in range(2000)) + "\n```",
        "今天天气很好。我们去公园散步吧！" * 600,
        "x" * 5000,
        "word " * 5000,
    ],
    ids=["log", "code", "no spaces", "one word", "no sentences"],
)
def test_a_text_without_ends_is_cut_all_the_same_and_nothing_is_lost(text: str) -> None:
    passages = [x.page_content for x in split([Document(text)])]
    assert max(map(len, passages)) <= LETTERS_MOST
    assert max(len(x.split()) for x in passages) <= WORDS_MOST
    assert re.sub(r"\s", "", "".join(passages)) == re.sub(r"\s", "", text)


def test_sentences_of_a_language_without_spaces_are_sentences() -> None:
    assert sentences("今天天气很好。我们去公园散步吧！") == ["今天天气很好。", "我们去公园散步吧！"]


def test_sentences_come_without_marks() -> None:
    assert sentences("It is so. And\nthis is too.\n- a list item here") == [
        "It is so.",
        "And this is too. a list item here",
    ]


class Model(GenericFakeChatModel):
    """Answers with one text, and remembers what it was asked."""

    asked: list[Any]

    def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(messages)
        return super()._stream(messages, *args, **kwargs)


def chat(tmp_path: Path, *answers: str) -> tuple[DocsChat, Model, ChatHistory]:
    office = "# Office\n\nThe office is in Lisbon. It opens at nine."
    text = f"{office}\n\n# Leave\n\nLeave is 28 days a year."
    store, count = library(folder(tmp_path / "d", office_md=text))
    assert count == 2
    model = Model(messages=iter([AIMessage(x) for x in answers]), asked=[])
    history = ChatHistory("talk")
    return DocsChat(model, store, history), model, history


def test_an_answer_has_sources_and_the_nearest_sentence(home: Path, tmp_path: Path) -> None:
    talk, model, history = chat(tmp_path, "In Lisbon")
    events = list(talk.ask("Where is the office?"))
    assert isinstance(events[0], Sources)
    assert events[0].passages[0].metadata["heading"] == "Office"
    assert "".join(x.text for x in events if isinstance(x, Token)) == "In Lisbon."
    assert events[-1] == Quote("The office is in Lisbon.", "office.md")
    assert "The office is in Lisbon." in str(model.asked[0][-1].content)
    assert [x.text for x in history.messages] == ["Where is the office?", "In Lisbon."]


def test_what_the_documents_do_not_say_is_refused_without_the_model(
    home: Path, tmp_path: Path
) -> None:
    talk, model, history = chat(tmp_path, "never said")
    events = list(talk.ask("What is the boiling point of nitrogen?"))
    assert events[-1] == Refused(REFUSAL)
    assert model.asked == []
    assert history.messages[-1].text == REFUSAL


def test_a_question_that_leans_on_an_earlier_one_is_looked_up_with_it(
    home: Path, tmp_path: Path
) -> None:
    talk, model, _ = chat(tmp_path, "In Lisbon.", "At nine.")
    list(talk.ask("Where is the office?"))
    list(talk.ask("What is the boiling point of nitrogen?"))
    events = list(talk.ask("And when does it open?"))
    assert not any(isinstance(x, Refused) for x in events)
    assert "opens at nine" in str(model.asked[-1][-1].content)
    assert events[-1] == Quote("It opens at nine.", "office.md"), "what the answer was made of"


def test_a_library_follows_its_folder(home: Path, tmp_path: Path) -> None:
    here = folder(tmp_path / "d", a_md="# A\n\nfirst text here", b_md="# B\n\nsecond text here")
    store, count = library(here)
    assert (count, store.count()) == (2, 2)
    (here / "b.md").unlink()
    (here / "a.md").write_text("# A\n\nanother text here")
    again, count = library(here)
    assert (again.name, count, again.count()) == (store.name, 1, 1)
    assert again.similarity_search("text", k=4)[0].page_content == "A\nanother text here"


def test_a_store_without_documents_refuses(home: Path) -> None:
    talk = DocsChat(
        Model(messages=iter([]), asked=[]), ManagedVectorStore("none"), ChatHistory("talk")
    )
    assert [type(x) for x in talk.ask("anything?")] == [Sources, Refused]
