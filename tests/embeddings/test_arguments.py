"""What the constructor refuses."""

from __future__ import annotations

import pytest

from llmanager_sdk import ManagedEmbeddings
from llmanager_sdk.errors import ConfigurationError


def test_a_misspelt_argument_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="bach_size"):
        ManagedEmbeddings(bach_size=3)
    ManagedEmbeddings(context=512)
