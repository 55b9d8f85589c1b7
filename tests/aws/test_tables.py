"""A part of the two tables that `make accept` prints in full: another one for each release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from llmanager_sdk.testing.aws import FakeAws
from tests.aws import crash_table, fault_table
from tests.aws.flows import account


@pytest.fixture
def aws(dynamodb_url: str) -> Iterator[FakeAws]:
    with account(dynamodb_url, creating=25.0, deleting=15.0) as made:
        yield made


def test_some_faults_of_some_calls(aws: FakeAws, tmp_path: Path) -> None:
    cases = list(fault_table.table(aws, tmp_path, only=31))
    assert len(cases) >= 8
    assert [case for case in cases if case.wrong] == []


def test_some_crashes(aws: FakeAws, tmp_path: Path) -> None:
    cases = list(crash_table.table(aws, tmp_path, only=41))
    assert len(cases) >= 5
    assert [case for case in cases if case.wrong] == []
