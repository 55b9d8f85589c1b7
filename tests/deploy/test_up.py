"""`deploy` and `diff` against an account that behaves as CloudFormation does."""

from __future__ import annotations

import pytest

from llmanager_sdk.deploy.stacks import Options
from llmanager_sdk.errors import ConfigurationError, NameTaken, NotAllowed, StackFailed
from llmanager_sdk.testing.aws import FakeAws, Fault
from llmanager_sdk.testing.aws.cloudformation import MOST
from llmanager_sdk.testing.aws.template import Resource
from tests.deploy.stage import TOPIC, Person, Stage


def parameters(**values: str) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def test_the_first_deploy_shows_everything_and_then_makes_it(stage: Stage) -> None:
    person = Person()
    outcome = stage.deploy(person)
    assert (outcome.done, outcome.changed, person.asked) == (True, True, ["Carry this out?"])
    assert "add      Reaper (AWS::Lambda::Function)" in person.heard
    assert f"Namespace: {stage.namespace}" in person.heard
    assert "9 metrics x 0.3 $" in person.heard
    assert "a price that nobody has checked" in person.heard
    assert person.lines.index(f"{stage.name}:") > person.lines.index(
        "While no model runs, it costs:"
    )
    assert f"  CREATE_COMPLETE      {stage.name} (AWS::CloudFormation::Stack)" in person.lines
    [stack] = outcome.stacks
    assert stack.outputs["SageMakerRoleArn"].endswith(f":role/{stage.name}-sagemaker")
    assert stack.tags == {"llmanager:namespace": stage.namespace}


def test_that_nothing_changes_is_success_and_asks_nobody(stage: Stage) -> None:
    stage.deploy()
    person = Person()
    outcome = stage.deploy(person)
    assert (outcome.done, outcome.changed, person.asked) == (True, False, [])
    assert f"{stage.name}: nothing would change" in person.lines
    assert outcome.stacks[0].outputs["Cap"] == "5"
    stack = stage.stack()
    assert stack is not None
    assert [x.execution for x in stack.change_sets.values()] == ["EXECUTE_COMPLETE"]


def test_what_nobody_mentions_stays(stage: Stage) -> None:
    stage.deploy(cap=8.0, topic=TOPIC)
    person = Person()
    outcome = stage.deploy(person, version="1.1.0")
    assert outcome.stacks[0].outputs["Cap"] == "8"
    assert outcome.stacks[0].parameters["TopicArn"] == TOPIC
    assert "  Version: 1.0.0 -> 1.1.0" in person.lines
    assert "deployed reaper is of version 1.0.0, older than this SDK" in person.heard
    assert "modify   Reaper (AWS::Lambda::Function)" in person.heard


def test_a_new_cap_alone_is_a_change(stage: Stage) -> None:
    stage.deploy()
    person = Person()
    outcome = stage.deploy(person, cap=2.5)
    assert (outcome.changed, outcome.stacks[0].outputs["Cap"]) == (True, "2.5")
    assert "  Cap: 5 -> 2.5" in person.lines


def test_an_option_is_taken_back(stage: Stage) -> None:
    stage.deploy(topic=TOPIC)
    person = Person()
    outcome = stage.deploy(person, topic="")
    assert "remove   Extra (AWS::SQS::Queue)" in person.heard
    assert outcome.stacks[0].parameters["TopicArn"] == ""


def test_who_says_no_leaves_nothing_behind(stage: Stage) -> None:
    outcome = stage.deploy(Person([False]))
    assert (outcome.done, outcome.changed) == (False, False)
    stage.aws.clock.sleep(10.0)
    assert stage.stack() is None
    stage.deploy()
    assert not stage.deploy(Person([False]), cap=9.0).changed
    stack = stage.stack()
    assert stack is not None
    assert len(stack.change_sets) == 1, "the change set that was refused is gone"


class Leaves(Person):
    """Presses Ctrl-C when it is asked."""

    def ask(self, question: str) -> bool:
        raise KeyboardInterrupt


def test_ctrl_c_at_the_question_leaves_nothing_behind(stage: Stage) -> None:
    with pytest.raises(KeyboardInterrupt):
        stage.deploy(Leaves())
    stage.aws.clock.sleep(10.0)
    assert stage.stack() is None


def test_a_diff_changes_nothing_and_leaves_nothing(stage: Stage) -> None:
    person = Person()
    stage.deployer(person).diff(Options(cap=3.0))
    assert "add      Reaper (AWS::Lambda::Function)" in person.heard
    assert person.asked == []
    stage.aws.clock.sleep(10.0)
    assert stage.stack() is None
    stage.deploy()
    person = Person()
    outcome = stage.deployer(person).diff(Options(cap=3.0))
    assert "  Cap: 5 -> 3" in person.lines
    assert outcome.as_dict()["stacks"][0]["parameters"]["Cap"] == "3"
    stack = stage.stack()
    assert stack is not None
    assert (stack.outputs["Cap"], len(stack.change_sets)) == ("5", 1)


def test_alarms_are_a_second_stack_that_is_kept_up_to_date(stage: Stage) -> None:
    with pytest.raises(ConfigurationError, match="need an SNS topic"):
        stage.deploy(alarms=True)
    stage.aws.clock.sleep(10.0)
    assert stage.stack() is None, "nothing is left of what was refused"
    person = Person()
    outcome = stage.deploy(person, alarms=True, topic=TOPIC)
    assert [x.name for x in outcome.stacks] == [stage.name, f"{stage.name}-alarms"]
    assert "1 alarm x 0.1 $" in person.heard
    other = f"{TOPIC}-too"
    outcome = stage.deploy(topic=other)
    assert outcome.stacks[1].parameters["TopicArn"] == other


def test_a_failed_creation_tells_why_and_the_next_deploy_begins_anew(stage: Stage) -> None:
    stage.aws.rules.uncreatable["Reaper"] = "Runtime python9 is not supported"
    with pytest.raises(StackFailed, match=r"Reaper \(AWS::Lambda::Function\): Runtime") as caught:
        stage.deploy(topic=TOPIC)
    assert len(caught.value.reasons) == 1, "those that were only cancelled are no reasons"
    assert "deploy" in caught.value.hint or "again" in caught.value.hint
    stage.aws.rules.uncreatable.clear()
    person = Person([False])
    assert not stage.deploy(person).done
    assert person.asked == [f"Delete {stage.name} and make it anew?"]
    stack = stage.stack()
    assert stack is not None
    assert stack.status == "ROLLBACK_COMPLETE"
    assert stage.deploy().done
    assert len(stage.aws.cloudformation.deleted) == 1


def test_a_stack_that_is_made_anew_stays_as_it_was(stage: Stage) -> None:
    stage.deploy(cap=1.0, topic=TOPIC)
    stage.aws.rules.undeletable["Role"] = "it is in use"
    with pytest.raises(StackFailed):
        stage.destroy()
    stage.aws.rules.undeletable.clear()
    person = Person()
    outcome = stage.deploy(person, topic=f"{TOPIC}-too")
    assert outcome.stacks[0].parameters["Cap"] == "1"
    assert outcome.stacks[0].parameters["TopicArn"] == f"{TOPIC}-too", "unless it is asked for"
    assert person.lines.index("  it was made with Cap: 1") < person.lines.index("  Cap: 1")
    assert f"  TopicArn: {TOPIC}-too" in person.lines


def test_what_was_never_given_is_not_given_when_it_is_made_anew(stage: Stage) -> None:
    stage.aws.rules.uncreatable["Reaper"] = "no"
    with pytest.raises(StackFailed):
        stage.deploy()
    stage.aws.rules.uncreatable.clear()
    [made] = stage.deploy().proposals
    assert "TopicArn" not in made.wanted.parameters, "a rerun finds the change set by its content"


def test_a_stack_that_takes_the_place_of_one_that_goes_stays_as_it_was(stage: Stage) -> None:
    stage.deploy(cap=1.0)
    stage.aws.session().client("cloudformation").delete_stack(StackName=stage.name)
    stage.aws.clock.sleep(1.0)
    person = Person()
    assert stage.deploy(person).stacks[0].outputs["Cap"] == "1"
    assert f"{stage.name} is in DELETE_IN_PROGRESS; waiting for its end" in person.lines


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("You must wait 60 seconds after deleting a queue before you can create", "a minute"),
        ("AWS.SimpleQueueService.QueueDeletedRecently (Service: Sqs)", "a minute"),
        ("Runtime python9 is not supported", "correct what the reasons name"),
    ],
)
def test_a_failure_is_told_with_its_cure(stage: Stage, reason: str, hint: str) -> None:
    stage.aws.rules.uncreatable["Reaper"] = reason
    with pytest.raises(StackFailed) as caught:
        stage.deploy()
    assert hint in caught.value.hint
    assert "run the same command again" in caught.value.hint


def test_a_diff_of_a_dead_stack_only_says_so(stage: Stage) -> None:
    stage.aws.rules.uncreatable["Reaper"] = "no"
    with pytest.raises(StackFailed):
        stage.deploy()
    person = Person()
    stage.deployer(person).diff(Options())
    assert "can only be deleted and made anew" in person.heard


def test_a_failed_update_tells_why_and_the_stack_is_as_before(stage: Stage) -> None:
    stage.deploy()
    stage.aws.rules.uncreatable["Extra"] = "no such topic"
    with pytest.raises(StackFailed, match=r"UPDATE_ROLLBACK_COMPLETE: Extra .*no such topic"):
        stage.deploy(topic=TOPIC)
    stage.aws.rules.uncreatable.clear()
    outcome = stage.deploy(topic=TOPIC)
    assert outcome.stacks[0].parameters["TopicArn"] == TOPIC


def test_what_is_going_on_is_waited_for(stage: Stage) -> None:
    stage.deploy()
    cloud = stage.aws.session().client("cloudformation")
    how = {"StackName": stage.name, "ChangeSetName": "by-hand"}
    cloud.create_change_set(
        **how,
        ChangeSetType="UPDATE",
        TemplateBody=stage.templates("template"),
        Parameters=parameters(Namespace=stage.namespace, Cap="7"),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stage.aws.clock.sleep(5.0)
    cloud.execute_change_set(**how)
    stage.aws.clock.sleep(1.0)
    person = Person()
    outcome = stage.deploy(person)
    assert f"{stage.name} is in UPDATE_IN_PROGRESS; waiting for its end" in person.lines
    assert outcome.stacks[0].outputs["Cap"] == "7", "what was deployed by hand stays"


def test_events_that_cannot_be_read_for_a_while_end_nothing(stage: Stage, aws: FakeAws) -> None:
    stage.deploy()
    # The first look at the events is for the last one before; then there is no answer.
    aws.faults.add(Fault("cloudformation:DescribeStackEvents", "5xx", skip=1, times=7))
    outcome = stage.deploy(cap=7.0)
    assert len(aws.faults.struck) == 7
    assert (outcome.stacks[0].status, outcome.stacks[0].outputs["Cap"]) == ("UPDATE_COMPLETE", "7")


def test_a_newer_reaper_is_not_replaced_unless_forced(stage: Stage) -> None:
    stage.deploy(version="2.0.0")
    with pytest.raises(NotAllowed, match=r"version 2\.0\.0, and this SDK is 1\.0\.0") as caught:
        stage.deploy(version="1.0.0")
    assert "--force" in caught.value.hint
    assert stage.deploy(version="1.0.0", force=True).stacks[0].outputs["Version"] == "1.0.0"


def test_a_stranger_s_stack_is_left_alone(stage: Stage, aws: FakeAws) -> None:
    cloud = aws.session().client("cloudformation")
    how = {"StackName": stage.name, "ChangeSetName": "theirs"}
    body = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"
    cloud.create_change_set(**how, ChangeSetType="CREATE", TemplateBody=body)
    aws.clock.sleep(5.0)
    cloud.execute_change_set(**how)
    aws.clock.sleep(60.0)
    with pytest.raises(NameTaken):
        stage.deploy()
    with pytest.raises(NameTaken):
        stage.destroy()
    stack = stage.stack()
    assert stack is not None
    assert (stack.status, list(stack.resources)) == ("CREATE_COMPLETE", ["Queue"])


def test_a_stack_made_in_the_console_is_ours_by_what_it_says(stage: Stage, aws: FakeAws) -> None:
    cloud = aws.session().client("cloudformation")
    how = {"StackName": stage.name, "ChangeSetName": "console"}
    cloud.create_change_set(
        **how,
        ChangeSetType="CREATE",
        TemplateBody=stage.templates("template"),
        Parameters=parameters(Namespace=stage.namespace),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    aws.clock.sleep(5.0)
    cloud.execute_change_set(**how)
    aws.clock.sleep(60.0)
    assert stage.deploy().stacks[0].outputs["Version"] == "1.0.0"


def test_a_template_that_cannot_be_is_told_before_anything_is_made(
    aws: FakeAws, stage: Stage
) -> None:
    stage.templates = lambda _: "Resources: {A: {Type: X, Properties: {B: !Ref Nothing}}}"
    with pytest.raises(ConfigurationError, match=r"Unresolved resource dependencies \[Nothing\]"):
        stage.deploy()
    stage.templates = lambda _: "#" * MOST + "\nResources: {A: {Type: X}}"
    with pytest.raises(ConfigurationError, match="51200"):
        stage.deploy()
    assert aws.cloudformation.made == 0


def test_another_person_s_change_set_keeps_an_empty_stack(stage: Stage, aws: FakeAws) -> None:
    cloud = aws.session().client("cloudformation")
    body = "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"
    cloud.create_change_set(
        StackName=stage.name, ChangeSetName="theirs", ChangeSetType="CREATE", TemplateBody=body
    )
    aws.clock.sleep(5.0)
    stage.deployer(Person()).diff(Options())
    aws.clock.sleep(10.0)
    stack = stage.stack()
    assert stack is not None
    assert list(stack.change_sets) == ["theirs"]


def test_a_named_resource_that_is_renamed_is_replaced(stage: Stage) -> None:
    stage.deploy()
    stack = stage.stack()
    assert stack is not None
    stack.resources["Reaper"] = Resource("AWS::Lambda::Function", "other-name", {})
    person = Person()
    stage.deployer(person).diff(Options())
    assert "modify   Reaper (AWS::Lambda::Function), replaced by a new one" in person.heard
