"""Heads of GGUF files that make no sense: a typed error, or a number that can be worked with."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.local import gguf

Pair = tuple[str, int, bytes]


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def number(name: str, value: int) -> Pair:
    return name, 5, struct.pack("<i", value)


def written(path: Path, *pairs: Pair, tensors: bytes = b"") -> Path:
    """A file with that head, and one tensor if it is given."""
    head = b"GGUF" + struct.pack("<IQQ", 3, 1 if tensors else 0, len(pairs) + 1)
    head += text("general.architecture") + struct.pack("<I", 8) + text("llama")
    for name, kind, value in pairs:
        head += text(name) + struct.pack("<I", kind) + value
    path.write_bytes(head + tensors + bytes(64))
    return path


@pytest.mark.parametrize("heads", [0, -3])
def test_a_model_without_attention_heads_has_no_cache_to_count(tmp_path: Path, heads: int) -> None:
    pairs = [number("llama.attention.head_count", heads), number("llama.embedding_length", 64)]
    head = gguf.read(written(tmp_path / "x.gguf", *pairs))
    assert head.cache_bytes(100) == (0 if heads == 0 else 2 * 64 * 2 * 100)


@pytest.mark.parametrize(
    "damage",
    [
        {"pairs": [number("general.alignment", 0)]},
        {"pairs": [("general.alignment", 8, text("wide"))]},
        {"pairs": [("x", 9, struct.pack("<IQ", 9, 1) * 5000)]},
        {"tensors": text("x") + struct.pack("<I", 1 << 31)},
    ],
)
def test_damage_is_a_typed_error(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = written(
        tmp_path / "x.gguf", *damage.get("pairs", ()), tensors=damage.get("tensors", b"")
    )
    with pytest.raises(ConfigurationError, match=r"x\.gguf is not a model that can be served"):
        gguf.read(path)
