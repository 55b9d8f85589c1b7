"""The policy of docs/aws.md is enough, and no more than that."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmanager_sdk.testing.aws import FakeAws
from llmanager_sdk.testing.aws.probed import ELSEWHERE
from tests.aws.policy import UNSEEN, Policed, allowed, days, needed

pytestmark = pytest.mark.xdist_group("dynamodb")


def test_the_policy_is_enough_and_no_more(aws: FakeAws, tmp_path: Path) -> None:
    actions = allowed()
    aws.faults = Policed(actions)
    seen = dict(days(aws, tmp_path))
    assert seen == {
        "who uses it": (),
        "invoke": "you said hi" * 3,
        "stream": "you said hi" * 3,
        "embeddings": 2,
        "stop": "deleting",
        "history": 74,
        "cleared": 0,
        "a price of another region": pytest.approx(1.408 * ELSEWHERE),
        "ls": ["ready", "deleting"],
        "sweeps until nothing was left": seen["sweeps until nothing was left"],
    }
    called = set().union(*(needed(action) for action in aws.faults.calls))
    assert called - actions == set()
    assert actions - called == UNSEEN


def test_what_the_policy_lacks_is_noticed(aws: FakeAws, tmp_path: Path) -> None:
    aws.faults = Policed(allowed() - {"sagemaker:CreateEndpointConfig"})
    with pytest.raises(Exception, match="CreateEndpointConfig"):
        list(days(aws, tmp_path))
