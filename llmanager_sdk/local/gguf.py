"""Reads the head of a GGUF file: what it is, whether it is whole, and what it needs.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from llmanager_sdk.errors import ConfigurationError

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_BLOCKS = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    30: (1, 2),  # BF16
}
"""Tensor type -> (elements of a block, its bytes); a type that is not here counts as nothing."""
_MOST = 1 << 26
"""No count or length in a sound head is larger; a torn one has such numbers."""
_AXES = 4
"""The most dimensions of a tensor (GGML_MAX_DIMS)."""


@dataclass(frozen=True)
class Gguf:
    """What the head of a file says.

    Attributes:
        metadata: the scalar values; arrays are left out.
        size: of the file, in bytes.
    """

    path: Path
    size: int
    metadata: Mapping[str, Any]

    def _number(self, name: str, default: int) -> int:
        value = self.metadata.get(f"{self.architecture}.{name}", default)
        return value if isinstance(value, int) and value >= 0 else default

    @property
    def architecture(self) -> str:
        """Such as "llama"."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def context(self) -> int:
        """The longest context that it was trained for, in tokens."""
        return self._number("context_length", 2048)

    @property
    def has_chat_template(self) -> bool:
        """Whether it was made for chat."""
        return bool(self.metadata.get("tokenizer.chat_template"))

    def cache_bytes(self, context: int) -> int:
        """The key-value cache of that many tokens, in 16-bit floats, in bytes."""
        heads = self._number("attention.head_count", 1)
        width = self._number("embedding_length", 1) // max(heads, 1)  # state-space models have none
        keys = self._number("attention.key_length", width)
        values = self._number("attention.value_length", width)
        per_token = self._number("attention.head_count_kv", heads) * (keys + values) * 2
        return self._number("block_count", 1) * per_token * context


def read(path: Path) -> Gguf:
    """Read the head of a file.

    Raises:
        ConfigurationError: it cannot be read, is no GGUF file, or ends too early.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(path, size, file)
    except OSError as error:
        raise _refusal(path, f"it cannot be read: {error.strerror}") from error
    except (struct.error, UnicodeDecodeError, KeyError, RecursionError) as error:
        raise _refusal(path, "it ends too early or is damaged") from error


def _refusal(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path.name} is not a model that can be served: {why}",
        resource=str(path),
        step="read the head",
        hint="name a whole GGUF file; download it again if it was cut off",
    )


def _read(path: Path, size: int, file: BinaryIO) -> Gguf:
    if size == 0:
        raise _refusal(path, "it is empty")
    if file.read(4) != b"GGUF":
        raise _refusal(path, "it does not begin with GGUF")
    version, tensors, pairs = struct.unpack("<IQQ", file.read(20))
    if version not in (2, 3) or tensors > _MOST or pairs > _MOST:
        raise _refusal(path, f"its head makes no sense (version {version})")
    metadata = {}
    for _ in range(pairs):
        name = _string(file)
        value = _value(file, *struct.unpack("<I", file.read(4)))
        if value is not None:
            metadata[name] = value
    last = max((_tensor(file) for _ in range(tensors)), default=0)
    align = metadata.get("general.alignment", 32)
    if not isinstance(align, int) or align < 1:
        raise _refusal(path, f"its head makes no sense (alignment {align!r})")
    data = -(-file.tell() // align) * align
    if data + last > size:
        raise _refusal(path, f"it ends too early: {size} of {data + last} bytes are there")
    return Gguf(path, size, metadata)


def _string(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > _MOST:
        raise struct.error("a string that long is damage")
    text = file.read(length)
    if len(text) < length:
        raise struct.error("cut off")
    return text.decode()


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        inner, count = struct.unpack("<IQ", file.read(12))
        if count > _MOST:
            raise struct.error("an array that long is damage")
        if inner in _SCALARS:
            file.seek(struct.calcsize(_SCALARS[inner]) * count, 1)
        else:
            for _ in range(count):
                _value(file, inner)
        return None
    code = "<" + _SCALARS[kind]
    return struct.unpack(code, file.read(struct.calcsize(code)))[0]


def _tensor(file: BinaryIO) -> int:
    """Skip one tensor's description; where its data end, relative to where all data begin."""
    _string(file)
    (dimensions,) = struct.unpack("<I", file.read(4))
    if dimensions > _AXES:
        raise struct.error("a tensor of that many dimensions is damage")
    shape = struct.unpack(f"<{dimensions}Q", file.read(8 * dimensions))
    kind, offset = struct.unpack("<IQ", file.read(12))
    block, width = _BLOCKS.get(kind, (1, 0))
    elements: int = math.prod(shape)
    return int(offset) + elements // block * width
