"""What the local platform says about an engine, from its run folder alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.life import Life, Seen, Spec
from llmanager_sdk.errors import StartFailed
from llmanager_sdk.local.gguf import Gguf
from llmanager_sdk.local.model_kind import OVERHEAD, ModelKind, room
from llmanager_sdk.local.rundir import RunDir, release
from llmanager_sdk.settings import Settings
from llmanager_sdk.wire.errors import ContextOverflow
from tests.local import scenes


def test_an_engine_is_up_while_its_host_holds_the_lock_and_shows_an_address(tmp_path: Path) -> None:
    kind = ModelKind(Settings(home=tmp_path), SYSTEM)
    spec = Spec("model", "key", {}, "digest")
    run = RunDir(tmp_path / "run" / "main-key-1-x")
    starting = Life(1, spec, {"run": run.path.name})
    ready = Life(1, spec, {"run": run.path.name}, "ready", ready_at=5.0)
    assert kind.observe(starting) is Seen.ABSENT
    lock = run.claim()
    assert lock is not None
    assert kind.observe(starting) is Seen.PENDING
    run.endpoint.write_text("{}")
    assert kind.observe(ready) is Seen.READY
    run.endpoint.unlink()  # the host ends it, and a user must not wait for it
    assert kind.observe(ready) is Seen.GOING
    release(lock)
    assert kind.observe(ready) is Seen.ABSENT
    run.failure.write_text("it ended")
    assert kind.observe(ready) is Seen.BROKEN


def head(weights: int = 1_000) -> Gguf:
    """A model whose cache takes 1,000 bytes for 10 tokens."""
    metadata = {
        "general.architecture": "llama",
        "llama.attention.head_count": 1,
        "llama.embedding_length": 1,
        "llama.block_count": 25,
    }
    return Gguf(Path("x.gguf"), weights, metadata)


@pytest.mark.parametrize(
    ("left", "slots"), [(None, 4), (1_000, 1), (1_999, 1), (2_000, 2), (4_000, 4), (9_999, 4)]
)
def test_fewer_calls_at_once_where_memory_is_short(left: int | None, slots: int) -> None:
    free = None if left is None else 1_000 + OVERHEAD + left
    assert room(head(), 10, 4, free) == slots


def test_what_does_not_fit_even_for_one_call_is_refused() -> None:
    with pytest.raises(StartFailed, match="does not fit"):
        room(head(), 10, 4, 1_000 + OVERHEAD + 999)


@pytest.mark.xdist_group("engines")
def test_calls_that_each_fit_fit_together_and_a_longer_one_is_refused(home: Path) -> None:
    model = scenes.llm(context=512, max_tokens=100)
    prompt = "alpha beta gamma " * 120
    open_stream = model.stream(scenes.PROMPT, max_tokens=300)
    next(open_stream)
    answers = model.batch([f"{number} {prompt}" for number in range(4)])
    assert all(each.usage_metadata["input_tokens"] > 350 for each in answers)
    *_, last = open_stream
    assert last.response_metadata["finish_reason"] in ("length", "stop")
    with pytest.raises(ContextOverflow, match="512"):
        model.invoke(prompt + prompt)
