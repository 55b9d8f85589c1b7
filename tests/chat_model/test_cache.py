"""LangChain's cache of answers: what really answers is part of its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmanager_sdk import ManagedLLM


def test_another_stand_in_is_another_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = home / "other.gguf"
    other.write_bytes(next((home / "models").glob("*.gguf")).read_bytes())
    keys = []
    for served in ("smollm2-135m", str(other)):
        monkeypatch.setenv("LLMANAGER_LOCAL_MODEL", served)
        keys.append(ManagedLLM("mistral-7b")._get_llm_string())
    assert keys[0] != keys[1]
    assert keys[1] == ManagedLLM("mistral-7b")._get_llm_string()
    assert keys[1] != ManagedLLM("mistral-7b")._get_llm_string(model=str(other), stop=["a"])
