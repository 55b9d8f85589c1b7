"""Bad input and bad surroundings as one table: a row for each case.

An action gets a home and must raise; the message must hold the given words and name a cure.
"""

from __future__ import annotations

import math
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from langchain_core.messages import HumanMessage

from llmanager_sdk import ChatHistory, ManagedEmbeddings, ManagedLLM, ManagedVectorStore
from llmanager_sdk.core.life import Slot
from llmanager_sdk.errors import (
    ConfigurationError,
    EmbeddingMismatch,
    InvalidFilter,
    InvalidVector,
    LLManagerError,
    SpecChanged,
    StartFailed,
    StoreNotWritable,
    UnknownModel,
    UnsupportedInput,
)
from llmanager_sdk.registry.sqlite import SqliteRegistry
from llmanager_sdk.wire.errors import ContextOverflow
from tests.cheap import Cheap
from tests.conftest import processes


@dataclass(frozen=True)
class Case:
    """One row.

    Attributes:
        words: what the message must say.
        mount: run it in a mount namespace where the home is "full" or "read-only".
    """

    name: str
    action: Callable[[Path], object]
    error: type[LLManagerError]
    words: str
    mount: str = ""


def _llm(**options: object) -> ManagedLLM:
    return ManagedLLM(idle_timeout=30, max_tokens=4, progress="off", **options)


def _gguf(home: Path, data: bytes) -> object:
    path = home / "own.gguf"
    path.write_bytes(data)
    return _llm(model=str(path)).invoke("hello")


def _weights(home: Path) -> Path:
    return next((home / "models").glob("*.gguf"))


def _truncated(home: Path) -> object:
    return _gguf(home, _weights(home).read_bytes()[:50_000_000])


def _base_model(home: Path) -> object:
    """A whole head without a chat template, and no tensors."""
    name, value = b"general.architecture", b"llama"
    pair = struct.pack("<Q", len(name)) + name + struct.pack("<IQ", 8, len(value)) + value
    return _gguf(home, b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + pair + bytes(64))


def _bit_rot(home: Path) -> object:
    path = _weights(home)
    data = bytearray(path.read_bytes())
    data[60_000_000] ^= 1
    path.unlink()
    path.write_bytes(data)
    return _llm().invoke("hello")


def _two_specs(home: Path) -> object:
    with _llm(deployment="mine", context=1024) as first:
        first.invoke("hello")
        return _llm(deployment="mine", context=2048).invoke("hello")


def _image(home: Path) -> object:
    block = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    try:
        return _llm().invoke([HumanMessage([block])])
    finally:
        assert not processes(home), "something was started"


def _audio(home: Path) -> object:
    block = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    return _llm().invoke([HumanMessage([block])])


def _long_prompt(home: Path) -> object:
    with _llm() as llm:
        return llm.invoke("long words " * 1_000_000)


def _long_text(home: Path) -> object:
    return ManagedEmbeddings(truncate=False).embed_query("long words " * 1_000_000)


class Odd(Cheap):
    """An embedding model that answers with whatever it was told."""

    def __init__(self, vector: list[float]) -> None:
        super().__init__()
        self.vector = vector

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.vector for _ in texts]


def _vector(vector: list[float]) -> Callable[[Path], object]:
    def add(home: Path) -> object:
        try:
            return ManagedVectorStore("s", Odd(vector)).add_texts(["a", "b"])
        finally:
            assert ManagedVectorStore("s", Cheap()).count() == 0

    return add


def _other_model(size: int) -> Callable[[Path], object]:
    def add(home: Path) -> object:
        ManagedVectorStore("s", Cheap(16)).add_texts(["a"])
        other = ManagedVectorStore("s", Cheap(size, salt="other"))
        try:
            return other.add_texts(["b"])
        finally:
            assert ManagedVectorStore("s", Cheap(16)).count() == 1

    return add


def _filter(wanted: object) -> Callable[[Path], object]:
    def search(home: Path) -> object:
        store = ManagedVectorStore("s", Cheap())
        store.add_texts(["a"], [{"x": 1}])
        return store.similarity_search("a", filter=wanted)

    return search


def _append(home: Path) -> object:
    for number in range(100):
        ChatHistory("s").add_user_message("x" * 200_000 + str(number))
    return None


def _add_texts(home: Path) -> object:
    store = ManagedVectorStore("s", Cheap())
    for number in range(100):
        store.add_texts([str(number) + "x" * 200_000])
    return None


def _swap(home: Path) -> object:
    registry = SqliteRegistry(home / "registry.sqlite", "main")
    for number in range(100):
        registry.swap(Slot(str(number)), Slot(str(number), took={"x" * 200_000: 1.0}))
    return None


def _use(home: Path) -> object:
    return _llm().invoke("hello")


def _remove_models(home: Path) -> object:
    shutil.rmtree(home / "models")
    return _llm(model="qwen3-8b").invoke("hello")


CASES = (
    Case("unknown model", lambda _: _llm(model="gpt-99").invoke("x"), UnknownModel, "gpt-99"),
    Case("known name, no weights", _remove_models, UnknownModel, "qwen3-8b"),
    Case(
        "no such file", lambda h: _llm(model=str(h / "no.gguf")).invoke("x"), UnknownModel, "file"
    ),
    Case("empty GGUF", lambda h: _gguf(h, b""), ConfigurationError, "empty"),
    Case("wrong magic", lambda h: _gguf(h, b"PK" * 500), ConfigurationError, "GGUF"),
    Case("damaged head", lambda h: _gguf(h, b"GGUF" + b"\xff" * 99), ConfigurationError, "head"),
    Case("truncated GGUF", _truncated, ConfigurationError, "too early"),
    Case("a base model", _base_model, ConfigurationError, "chat template"),
    Case("weights with a flipped bit", _bit_rot, StartFailed, "sha256"),
    Case("no memory", lambda _: _llm(context=50_000_000).invoke("x"), StartFailed, "does not fit"),
    Case("two specs, one name", _two_specs, SpecChanged, "context"),
    Case("unknown argument", lambda _: _llm(temprature=1), ConfigurationError, "temprature"),
    Case("absurd argument", lambda _: _llm(temperature=-1), ConfigurationError, "temperature"),
    Case("absurd option", lambda _: _llm(slots=0).invoke("x"), ConfigurationError, "slots"),
    Case("an image", _image, UnsupportedInput, "image"),
    Case("audio", _audio, UnsupportedInput, "audio"),
    Case("a prompt of 11 MB", _long_prompt, ContextOverflow, "does not fit"),
    Case("a text of 11 MB, not to be cut", _long_text, ConfigurationError, "tokens"),
    Case("an empty vector", _vector([]), InvalidVector, "dimension"),
    Case("a NaN vector", _vector([math.nan] * 16), InvalidVector, "NaN"),
    Case("an infinite vector", _vector([math.inf] * 16), InvalidVector, "infinity"),
    Case("another model, same dimension", _other_model(16), EmbeddingMismatch, "model"),
    Case("another model, other dimension", _other_model(8), EmbeddingMismatch, "model"),
    Case("a filter that is no dictionary", _filter("x"), InvalidFilter, "dictionary"),
    Case("an unknown operator", _filter({"x": {"$near": 1}}), InvalidFilter, "$near"),
    Case("an operator without a list", _filter({"x": {"$in": 1}}), InvalidFilter, "list"),
    Case("a filter by NaN", _filter({"x": math.nan}), InvalidFilter, "nan"),
    Case("history, full disk", _append, StoreNotWritable, "full", "full"),
    Case("history, read-only home", _append, StoreNotWritable, "written", "read-only"),
    Case("store, full disk", _add_texts, StoreNotWritable, "full", "full"),
    Case("store, read-only home", _add_texts, StoreNotWritable, "written", "read-only"),
    Case("registry, full disk", _swap, LLManagerError, "full", "full"),
    Case("registry, read-only home", _swap, LLManagerError, "written", "read-only"),
    Case("first use, read-only home", _use, LLManagerError, "written", "read-only"),
)
