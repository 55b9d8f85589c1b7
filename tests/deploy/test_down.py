"""`destroy --stack` against an account with models, histories, strangers and crashes."""

from __future__ import annotations

from typing import Any

import pytest

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.reaper import LAMBDA
from llmanager_sdk.core import verbs
from llmanager_sdk.core.drivers import run
from llmanager_sdk.errors import NameTaken, NewerSchema, NotAllowed, StackFailed, StartFailed
from llmanager_sdk.ports.history import Stored
from llmanager_sdk.testing.aws import FakeAws
from tests.aws.flows import BODY, ROLE, ensure, reap, stop, want
from tests.deploy.stage import TOPIC, Person, Stage


def used(stage: Stage, **more: Any) -> AwsPlatform:
    """A namespace with a stack, a model that runs, and a conversation."""
    stage.deploy(**more)
    platform = stage.platform()
    platform.beats.beat(LAMBDA)
    ensure(platform, want())
    platform.history().append("s", [Stored("1", '"hello"'), Stored("2", '"you"')], None)
    return platform


def test_it_refuses_until_it_is_told_what_becomes_of_everything(stage: Stage) -> None:
    used(stage)
    with pytest.raises(
        NotAllowed, match=r"these run: tiny \(ready, at most 1\.41 \$/h\)"
    ) as caught:
        stage.destroy()
    text = str(caught.value)
    assert f"llmanager-{stage.namespace}-history holds about 7 items" in text
    assert "--resources stop --data keep|delete" in text
    with pytest.raises(NotAllowed, match="holds"):
        stage.destroy(resources="stop")
    with pytest.raises(NotAllowed, match="these run"):
        stage.destroy(data="delete")
    stack = stage.stack()
    assert stack is not None
    assert stack.status == "CREATE_COMPLETE"
    assert stage.scene.left()


def test_everything_goes_in_its_order(stage: Stage, aws: FakeAws) -> None:
    used(stage, alarms=True, topic=TOPIC)
    person = Person()
    aws.faults.clear()
    ended = stage.destroy(person, resources="stop", data="delete")
    assert person.asked == ["lossy"]
    calls = aws.faults.calls
    order = [
        calls.index("sagemaker:DeleteEndpoint"),
        calls.index("dynamodb:DeleteTable"),
        calls.index("cloudformation:DeleteStack"),
    ]
    assert order == sorted(order), "resources while their reaper lives, then data, then the stack"
    assert stage.scene.left() == []
    assert stage.tables() == []
    assert stage.stack() is None
    assert stage.stack(f"{stage.name}-alarms") is None
    assert ended.agreed
    [left] = ended.left
    assert "1 log group /aws/sagemaker/Endpoints/" in left, "SageMaker's own are all that is left"
    assert stage.destroy().done == (), "there is nothing any more"


def test_data_can_stay(stage: Stage) -> None:
    used(stage)
    ended = stage.destroy(Person(), resources="stop", data="keep")
    assert stage.stack() is None
    assert len(stage.tables()) == 2
    assert any("holds" not in x and "items of chat histories" in x for x in ended.left)
    assert all("$ a month (unverified price)" in x for x in ended.left)
    platform = stage.platform()
    assert [x.id for x in platform.history().read("s")] == ["1", "2"]
    assert platform.beats.living() == [], "nobody counts on a reaper that is gone"
    stage.deploy()
    with pytest.raises(NotAllowed, match="holds"):
        stage.destroy()


def test_who_says_no_loses_nothing(stage: Stage, aws: FakeAws) -> None:
    used(stage)
    aws.faults.clear()
    ended = stage.destroy(Person([False]), resources="stop", data="delete")
    assert not ended.agreed
    changed = [x for x in aws.faults.calls if "Delete" in x or "Update" in x or "Put" in x]
    assert changed == []


def test_open_calls_are_waited_for(stage: Stage, aws: FakeAws) -> None:
    platform = used(stage)
    began = aws.clock.time()
    ensure(stage.platform(), want())  # somebody else uses it as well
    stage.destroy(Person(), resources="stop", data="delete")
    assert aws.clock.time() - began > platform.endpoints.timing.max_call
    assert stage.scene.left() == []


def test_force_does_not_wait(stage: Stage, aws: FakeAws) -> None:
    platform = used(stage)
    ensure(stage.platform(), want())
    began = aws.clock.time()
    stage.destroy(Person(), resources="stop", data="delete", force=True)
    assert aws.clock.time() - began < platform.endpoints.timing.max_call


def test_force_does_not_wait_for_a_stop_that_did(stage: Stage, aws: FakeAws) -> None:
    engine = used(stage).keeper.engine
    ensure(stage.platform(), want())
    run(verbs.stop(engine, "tiny"), aws.clock)
    began = aws.clock.time()
    stage.destroy(Person(), resources="stop", data="delete", force=True)
    assert aws.clock.time() - began < engine.kinds["endpoint"].timing.max_call


def test_what_no_row_knows_goes_only_with_our_tags(stage: Stage, aws: FakeAws) -> None:
    used(stage)
    stop(stage.platform())
    reap(stage.platform())
    sagemaker = aws.session().client("sagemaker")
    lost, foreign = f"llm-{stage.namespace}-lost", f"llm-{stage.namespace}-foreign"
    ours = {"llmanager:namespace": stage.namespace, "llmanager:life": lost}
    for name, tags in ((lost, ours), (foreign, {"team": "x"})):
        image = {"Image": BODY["image"]}
        sagemaker.create_model(
            ModelName=name,
            PrimaryContainer=image,
            ExecutionRoleArn=ROLE,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
    with pytest.raises(NotAllowed, match=f"{lost}, which no row knows"):
        stage.destroy(data="delete")
    ended = stage.destroy(Person(), resources="stop", data="delete")
    assert stage.scene.left() == [foreign]
    assert any(foreign in x and "left it alone" in x for x in ended.left)


def test_a_table_without_our_tag_is_left_alone(stage: Stage, aws: FakeAws) -> None:
    used(stage)
    dynamodb = aws.session().client("dynamodb")
    arn = dynamodb.describe_table(TableName=f"{stage.name}-history")["Table"]["TableArn"]
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=["llmanager"])
    ended = stage.destroy(Person(), resources="stop", data="delete")
    assert stage.tables() == [f"{stage.name}-history"]
    assert any("does not bear the tag" in x for x in ended.left)


def test_a_protected_stack_is_not_touched(stage: Stage) -> None:
    stage.deploy()
    stack = stage.stack()
    assert stack is not None
    stack.protected = True
    with pytest.raises(NotAllowed, match="protected") as caught:
        stage.destroy()
    assert "--no-enable-termination-protection" in caught.value.hint


def test_rows_of_a_newer_version_stop_it(stage: Stage, aws: FakeAws) -> None:
    used(stage)
    aws.session().client("dynamodb").update_item(
        TableName=f"{stage.name}-registry",
        Key={"pk": {"S": stage.namespace}, "sk": {"S": "tiny"}},
        UpdateExpression="SET #s = :n",
        ExpressionAttributeNames={"#s": "schema"},
        ExpressionAttributeValues={":n": {"N": "99"}},
    )
    with pytest.raises(NewerSchema, match="tiny"):
        stage.destroy(resources="stop", data="delete")


def test_reapers_that_are_off_delete_nothing(stage: Stage) -> None:
    platform = used(stage)
    platform.beats.switch("me: a look first")
    with pytest.raises(NotAllowed, match="off") as caught:
        stage.destroy(resources="stop", data="delete")
    assert "reap --on" in str(caught.value)
    assert stage.scene.left()


def test_a_stack_that_cannot_be_deleted_says_why_and_goes_later(stage: Stage, aws: FakeAws) -> None:
    stage.deploy()
    aws.rules.undeletable["Role"] = "it is in use by an instance profile"
    with pytest.raises(StackFailed, match=r"DELETE_FAILED: Role .*instance profile"):
        stage.destroy()
    aws.rules.undeletable.clear()
    assert stage.destroy().agreed
    assert stage.stack() is None


class Sweeps(Person):
    """Sees how the Lambda sweeps once more, a moment before it is gone; then may press Ctrl-C."""

    def __init__(self, platform: AwsPlatform, *, leaves: bool = False) -> None:
        super().__init__()
        self.platform = platform
        self.leaves = leaves
        self.lived: list[bool] = []

    def say(self, line: str) -> None:
        super().say(line)
        if "DELETE_IN_PROGRESS   Reaper" in line:
            self.lived.append(bool(self.platform.beats.living()))
            self.platform.beats.beat(LAMBDA)
        if self.leaves and "DELETE_COMPLETE      Reaper" in line:
            raise KeyboardInterrupt


def test_a_reaper_that_is_gone_does_not_live_however_the_deletion_ends(
    stage: Stage, aws: FakeAws
) -> None:
    used(stage)
    aws.rules.undeletable["Role"] = "Cannot delete a policy attached to entities."
    person = Sweeps(stage.platform())
    with pytest.raises(StackFailed) as caught:
        stage.destroy(person, resources="stop", data="keep")
    assert "detach the policies" in caught.value.hint
    assert person.lived == [False], "it is ended before the stack goes"
    assert person.platform.beats.living() == [], "and again"
    with pytest.raises((StartFailed, NotAllowed), match="no reaper lives"):
        ensure(stage.scene.process(), want(key="late"))


def test_ctrl_c_while_the_stack_goes_leaves_no_living_reaper(stage: Stage) -> None:
    used(stage)
    person = Sweeps(stage.platform(), leaves=True)
    with pytest.raises(KeyboardInterrupt) as caught:
        stage.destroy(person, resources="stop", data="keep")
    assert person.platform.beats.living() == []
    assert "run the same command again" in "".join(caught.value.__notes__)


def test_a_reaper_is_ended_where_there_is_no_table(stage: Stage) -> None:
    stage.platform().beats.end(LAMBDA)
    assert stage.tables() == []


def test_what_is_created_while_the_stack_goes_is_seen(stage: Stage, aws: FakeAws) -> None:
    stage.deploy()
    other = stage.platform()

    def late(_: bool) -> bool:
        other.beats.beat(LAMBDA)
        ensure(other, want())  # after the look, before the stack is gone
        return True

    person = Person()
    person.confirm = late  # type: ignore[method-assign]
    with pytest.raises(NotAllowed, match=r"created while the stack went.*tiny"):
        stage.destroy(person, data="keep")
    stage.destroy(Person(), resources="stop", data="delete")
    assert stage.scene.left() == []


def test_the_logs_that_endpoints_left_are_told(stage: Stage, aws: FakeAws) -> None:
    used(stage)
    aws.services.wrote(f"llm-{stage.namespace}-x", "a line")
    ended = stage.destroy(Person(), resources="stop", data="delete")
    assert any("2 log groups" in x for x in ended.left)


def test_without_a_stack_it_still_cleans_up(stage: Stage) -> None:
    platform = stage.platform()
    platform.beats.beat("watch@here:1")
    ensure(stage.scene.process(), want())
    ended = stage.destroy(Person(), resources="stop", data="keep")
    assert stage.scene.left() == []
    assert any("watch@here:1, which goes on" in x for x in ended.left)


def test_a_stranger_s_stack_is_left_alone(stage: Stage, aws: FakeAws) -> None:
    cloud = aws.session().client("cloudformation")
    how = {"StackName": stage.name, "ChangeSetName": "theirs"}
    body = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"
    cloud.create_change_set(**how, ChangeSetType="CREATE", TemplateBody=body)
    aws.clock.sleep(5.0)
    cloud.execute_change_set(**how)
    aws.clock.sleep(60.0)
    with pytest.raises(NameTaken):
        stage.destroy()
    assert stage.stack() is not None
