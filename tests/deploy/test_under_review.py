"""`destroy --stack` where somebody has only proposed a stack of the namespace's name."""

from __future__ import annotations

import pytest

from llmanager_sdk.errors import NameTaken
from llmanager_sdk.testing.aws import FakeAws
from tests.deploy.stage import Person, Stage


def under_review(stage: Stage, aws: FakeAws, *names: str) -> None:
    """A stack that nobody has carried out yet."""
    cloud = aws.session().client("cloudformation")
    body = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"
    for name in names:
        cloud.create_change_set(
            StackName=stage.name, ChangeSetName=name, ChangeSetType="CREATE", TemplateBody=body
        )
    aws.clock.sleep(5.0)


def test_a_stranger_s_stack_under_review_is_left_alone(stage: Stage, aws: FakeAws) -> None:
    under_review(stage, aws, "llmanager-deploy-1", "theirs")
    with pytest.raises(NameTaken, match=f"did not make the stack {stage.name}"):
        stage.destroy()
    stack = stage.stack()
    assert stack is not None
    assert list(stack.change_sets) == ["llmanager-deploy-1", "theirs"]


def test_a_stack_that_becomes_a_stranger_s_meanwhile_is_left_alone(
    stage: Stage, aws: FakeAws
) -> None:
    under_review(stage, aws, "llmanager-deploy-1")
    person = Person()

    def late(_: bool) -> bool:
        under_review(stage, aws, "theirs")
        return True

    person.confirm = late  # type: ignore[method-assign]
    with pytest.raises(NameTaken):
        stage.destroy(person)
    assert stage.stack() is not None


def test_what_a_crashed_deploy_left_under_review_goes(stage: Stage, aws: FakeAws) -> None:
    under_review(stage, aws, "llmanager-deploy-1", "llmanager-diff-2")
    assert stage.destroy().agreed
    assert stage.stack() is None
