"""A part of the table of crashes that `make accept` prints in full, and of troubles with AWS."""

from __future__ import annotations

from pathlib import Path

from llmanager_sdk.testing.aws import FakeAws
from tests.deploy import crash_table, fault_table


def test_some_crashes(aws: FakeAws, tmp_path: Path) -> None:
    cases = list(crash_table.table(aws, tmp_path, only=61))
    assert len(cases) >= 6
    assert [case for case in cases if case.wrong] == []


def test_some_faults_of_some_calls(aws: FakeAws, tmp_path: Path) -> None:
    cases = list(fault_table.table(aws, tmp_path, only=31))
    assert len(cases) >= 5
    assert [case for case in cases if case.wrong] == []
