"""Real passages to search in: the descriptions in botocore's service models (Apache-2.0).

6,000 of them, their MiniLM vectors (computed once, kept under .cache), and questions whose answer
is known: the name of an operation, in words, asks for its description.
"""

from __future__ import annotations

import gzip
import hashlib
import html
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "bench"
COUNT = 6_000
SEED = 20261124
_TAG = re.compile(r"<[^>]+>")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+")


@dataclass(frozen=True)
class Passage:
    """What a service model says about an operation or a field."""

    service: str
    name: str
    kind: str
    text: str

    @property
    def question(self) -> str:
        """Its name in words: "list tags for resource in arc-region-switch"."""
        return f"{' '.join(_WORDS.findall(self.name)).lower()} in {self.service}"


def read_all() -> list[Passage]:
    """Every described operation and field, in a fixed order, without repeated texts."""
    import botocore

    models = Path(botocore.__file__).parent / "data"
    newest = {path.parts[-3]: path for path in sorted(models.glob("*/*/service-2.json*"))}
    seen: set[str] = set()
    found = []
    for service, path in sorted(newest.items()):
        data = path.read_bytes()
        model = orjson.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
        told = [("operation", name, x) for name, x in sorted(model["operations"].items())]
        for shape in sorted(model["shapes"]):
            members = model["shapes"][shape].get("members", {})
            told += [("field", f"{shape}.{name}", x) for name, x in sorted(members.items())]
        for kind, name, said in told:
            text = _plain(said.get("documentation", ""))
            if len(text) > 20 and text not in seen:
                seen.add(text)
                found.append(Passage(service, name, kind, text))
    return found


def _plain(documentation: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", documentation)).split())


def sample(count: int = COUNT, seed: int = SEED) -> list[Passage]:
    """Some of them, a quarter of which are operations."""
    everything = read_all()
    dice = random.Random(seed)
    operations = [x for x in everything if x.kind == "operation"]
    fields = [x for x in everything if x.kind == "field"]
    return dice.sample(operations, count // 4) + dice.sample(fields, count - count // 4)


def vectors(texts: list[str]) -> Any:
    """Their MiniLM vectors, float32 (len(texts), 384), from .cache if they were computed before."""
    from llmanager_sdk.local.encoder import MINILM_SHA256, resolve_encoder
    from llmanager_sdk.settings import Settings

    said = "\0".join([MINILM_SHA256, *texts])
    path = CACHE / f"minilm-{hashlib.sha256(said.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        found = resolve_encoder(None, Settings()).encode(texts)
        partial = path.with_suffix(".part.npy")
        np.save(partial, found)
        partial.replace(path)
    return np.load(path)


def noised(base: Any, count: int, seed: int, spread: float = 0.4) -> Any:
    """Noised copies of real vectors at unit length, float32 (count, width).

    Args:
        base: real vectors of unit length.
        spread: the length of the noise; 0.4 leaves a cosine of 0.93 with the original.
    """
    dice = np.random.default_rng(seed)
    width = base.shape[1]
    noise = dice.standard_normal((count, width), np.float32) * (spread / width**0.5)
    found = base[dice.integers(len(base), size=count)] + noise
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def questions(passages: list[Passage], count: int, seed: int) -> list[tuple[str, int]]:
    """Questions, each with the index of the passage that it asks for."""
    dice = random.Random(seed)
    operations = [i for i, x in enumerate(passages) if x.kind == "operation"]
    return [(passages[i].question, i) for i in dice.sample(operations, count)]
