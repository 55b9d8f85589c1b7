"""The fake account of the tests of aws, and one that lies."""

from __future__ import annotations

from tests.aws.conftest import aws, clock, make, scene
from tests.registry.conftest import dynamodb_url

__all__ = ["aws", "clock", "dynamodb_url", "make", "scene"]
