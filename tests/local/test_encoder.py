"""The encoder in this process: what makes a vector, and what long texts cost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.local.encoder import LETTERS, OnnxEncoder, resolve_encoder
from llmanager_sdk.settings import Settings


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return resolve_encoder(None, Settings())


def folder(path: Path, encoder: OnnxEncoder, **files: object) -> Path:
    """The default model as a user's own."""
    path.mkdir()
    (path / "model.onnx").symlink_to(encoder._model)
    tokenizer = encoder._load()[1]
    (path / "tokenizer.json").write_text(tokenizer.to_str())
    for name, content in files.items():
        target = path / name.replace("__", "/").replace("_json", ".json")
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(content))
    return path


def test_a_long_text_is_its_beginning(encoder: OnnxEncoder) -> None:
    words = "the quick brown fox jumps over the lazy dog "
    short, long = words * 60, words * 100_000
    assert len(short) < LETTERS * encoder.most_tokens < len(long)
    assert np.array_equal(encoder.encode([short]), encoder.encode([long]))
    assert encoder.count(long) > encoder.most_tokens
    assert encoder.count("the quick brown fox") == 4 + 2


def test_a_text_of_few_tokens_is_read_to_its_end(encoder: OnnxEncoder) -> None:
    long = "x" * (LETTERS * encoder.most_tokens) + " end"
    assert encoder._head(long) == long
    assert encoder.count(long) < encoder.most_tokens


def test_a_users_model_is_known_by_all_its_files(tmp_path: Path, encoder: OnnxEncoder) -> None:
    mine = folder(tmp_path / "mine", encoder)
    first = resolve_encoder(str(mine), Settings()).identity
    assert resolve_encoder(str(mine), Settings()).identity == first
    (mine / "model.onnx_data").write_bytes(b"weights")
    second = resolve_encoder(str(mine), Settings()).identity
    tokenizer = (mine / "tokenizer.json").read_text()
    (mine / "tokenizer.json").write_text(tokenizer.replace('"lowercase":true', '"lowercase":false'))
    third = resolve_encoder(str(mine), Settings()).identity
    assert len({each["sha256"] for each in (first, second, third)}) == 3


def test_pooling_and_length_are_what_its_files_say(tmp_path: Path, encoder: OnnxEncoder) -> None:
    cls = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    said = {"1_Pooling__config_json": cls, "sentence_bert_config_json": {"max_seq_length": 512}}
    made = resolve_encoder(str(folder(tmp_path / "cls", encoder, **said)), Settings())
    assert (made.identity["pooling"], made.most_tokens) == ("cls", 512)
    vector, mean = made.encode(["some words"])[0], encoder.encode(["some words"])[0]
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert float(vector @ mean) < 0.999


@pytest.mark.parametrize("content", [{"pooling_mode_max_tokens": True}, "nonsense"])
def test_what_is_not_known_is_refused(
    tmp_path: Path, encoder: OnnxEncoder, content: object
) -> None:
    path = folder(tmp_path / "other", encoder, **{"1_Pooling__config_json": content})
    with pytest.raises(ConfigurationError):
        resolve_encoder(str(path), Settings())
