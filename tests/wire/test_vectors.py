"""Requests for vectors and what their answers become: batches, in order, tried again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.errors import CallError
from llmanager_sdk.ports.models import EmbeddingModel
from llmanager_sdk.resource.fixed import FixedLink
from llmanager_sdk.wire.embedder import Embedder
from llmanager_sdk.wire.errors import AnswerBroken, InvalidRequest
from llmanager_sdk.wire.vectors import Vectors, request
from tests import scripted as play
from tests.scripted import Play, Scripted, scripted

ROWS = [[3.0, 4.0], [0.0, 2.0]]


def read(said: Any, count: int = 2) -> Any:
    reader = Vectors(count, "here")
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    for byte in data:
        assert reader.feed(bytes([byte])) == []
    [found] = reader.close()
    return found


@pytest.mark.parametrize(
    ("wire", "truncate", "expected"),
    [
        ("tei", True, {"inputs": ["a", "b"], "truncate": True, "normalize": True}),
        ("tei", False, {"inputs": ["a", "b"], "truncate": False, "normalize": True}),
        (
            "openai-embeddings",
            True,
            {"input": ["a", "b"], "model": "", "truncate_prompt_tokens": -1},
        ),
        ("openai-embeddings", False, {"input": ["a", "b"], "model": ""}),
    ],
)
def test_requests(wire: str, truncate: bool, expected: dict[str, Any]) -> None:
    assert json.loads(request(["a", "b"], wire, truncate=truncate)) == expected


@pytest.mark.parametrize(
    "said",
    [
        ROWS,
        {"data": [{"index": i, "embedding": row} for i, row in enumerate(ROWS)]},
        {"data": [{"index": i, "embedding": ROWS[i]} for i in (1, 0)]},
    ],
    ids=["tei", "openai", "openai, in another order"],
)
def test_vectors_are_of_unit_length_and_in_order(said: Any) -> None:
    found = read(said)
    assert found.dtype == np.float32
    assert found.ravel().tolist() == pytest.approx([0.6, 0.8, 0.0, 1.0])


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"<html>",
        {},
        {"data": [{"index": 0}]},
        [[1.0, 2.0]],
        [[1.0], [1.0, 2.0]],
        [["a", "b"], ["c", "d"]],
        b"[[1, 2], [NaN, 1]]",
        [[0.0, 0.0], [1.0, 0.0]],
        [1.0, 2.0],
        7,
    ],
)
def test_what_holds_no_vector_for_each_text_raises(said: Any) -> None:
    with pytest.raises(AnswerBroken):
        read(said)


# -- over a link


class Link(FixedLink):
    """A server of embeddings."""

    def __init__(self, url: str, **more: Any) -> None:
        super().__init__("texts", url, "")
        self._embeds = EmbeddingModel("texts", "texts", spec_of("fixed", url, {}), 512, **more)

    def model(self) -> EmbeddingModel:
        return self._embeds


def answers(server: Scripted) -> Play:
    """The length of each text."""

    def play_it(connection: Any) -> None:
        rows = [[float(len(text)), 1.0] for text in server.requests[-1]["inputs"]]
        body = json.dumps(rows).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    return play_it


def sync_of(embedder: Embedder, texts: list[str], query: bool) -> Any:
    return embedder.encode(texts, query=query)


def async_of(embedder: Embedder, texts: list[str], query: bool) -> Any:
    return asyncio.run(embedder.aencode(texts, query=query))


Way = Callable[[Embedder, list[str], bool], Any]
WAYS = pytest.mark.parametrize("way", [sync_of, async_of])


def embedder(server: Scripted, **more: Any) -> Embedder:
    link = Link(server.url, **{"most_texts": 3, **more})
    return Embedder(link, truncate=True, batch_size=8, concurrency=1)


@WAYS
def test_batches_are_of_the_engines_size_and_come_in_order(way: Way) -> None:
    with scripted(play.fails(500, "not yet")) as server:
        server.plays = [answers(server)]
        texts = ["x" * n for n in range(1, 9)]
        found = way(embedder(server), texts, False)
        assert [round(float(row[0] / row[1])) for row in found] == list(range(1, 9))
        assert [len(each["inputs"]) for each in server.requests] == [3, 3, 2]


@WAYS
def test_what_is_transient_is_tried_again(way: Way) -> None:
    with scripted(play.fails(503, "busy", "Retry-After: 0\r\n")) as server:
        server.plays.append(answers(server))
        assert len(way(embedder(server), ["a"], False)) == 1
        assert len(server.requests) == 2


@WAYS
def test_what_is_not_is_not(way: Way) -> None:
    with scripted(play.fails(413, "too large")) as server:
        with pytest.raises(InvalidRequest, match="too large"):
            way(embedder(server), ["a"], False)
        assert len(server.requests) == 1


@WAYS
def test_half_an_answer_raises(way: Way) -> None:
    with scripted(play.cuts_off_after("x")) as server, pytest.raises(CallError):
        way(embedder(server), ["a"], False)


@WAYS
def test_prompts_are_put_before_questions_and_passages(way: Way) -> None:
    prompts = {"query": "q: ", "passage": "p: "}
    with scripted(play.fails(500, "not yet")) as server:
        server.plays = [answers(server)]
        for query in (True, False):
            way(embedder(server, prompts=prompts), ["a"], query)
        assert [each["inputs"] for each in server.requests] == [["q: a"], ["p: a"]]
