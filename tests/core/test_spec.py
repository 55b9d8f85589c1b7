"""The identity of what is deployed."""

from __future__ import annotations

import hashlib

from llmanager_sdk.core.spec import spec_of


def test_a_spec_is_told_by_its_kind_and_body() -> None:
    one = spec_of("kind", "key", {"b": 1, "a": [2]})
    assert one.digest == spec_of("kind", "other", {"a": [2], "b": 1}).digest
    assert one.digest != spec_of("kind", "key", {"b": 1, "a": [3]}).digest
    assert one.digest != spec_of("other", "key", {"b": 1, "a": [2]}).digest
    assert (one.kind, one.key, one.body) == ("kind", "key", {"b": 1, "a": [2]})
    text = '["kind",{"a":[2],"b":1}]'
    assert one.digest == hashlib.sha256(text.encode()).hexdigest()
