"""infra/template.yaml, deployed: its Lambda runs from the deployed code and does what is promised.

SageMaker is played by `FakeAws`, the registry is in a real DynamoDB Local, everything else of the
account is ministack's: docs/aws.md, "What plays what in the tests".
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from llmanager_sdk.aws.reaper import BEATS, SPARE_S, SWEEP_S
from llmanager_sdk.core.life import SCHEMA
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.clocks import Fast
from tests.aws.emulated import deploy, emulated_account
from tests.infra.scenes import AT_ONCE, PRICE, Crowd, until
from tests.infra.stage import ALARMS, HOUR, Stage
from tests.servers import dynamodb

pytestmark = [
    pytest.mark.xdist_group("emulated"),
    pytest.mark.skipif(bool(dynamodb.missing()), reason="DynamoDB Local cannot run here"),
]


@pytest.fixture(scope="module")
def aws() -> Iterator[FakeAws]:
    """An account whose states take no time, and where no schedule is due before the tests end."""
    with emulated_account(rules=AT_ONCE) as made:
        yield made


def test_one_sweep_does_all_that_is_due_and_nothing_else(aws: FakeAws) -> None:
    stage = Stage(aws)
    crowd = Crowd(stage)
    metrics = stage.sweep()

    phases = stage.phases()
    assert {key for key, phase in phases.items() if phase == "gone"} == set(crowd.due)
    assert phases.pop("theirs") == "deleting"
    assert {phases[key] for key in crowd.spared if key in phases} == {"ready"}
    assert stage.left() == crowd.kept()

    counts = {"Swept": 1, "Errors": 0, "Unknown": 1, "Rowless": 1, "Twins": 1}
    assert {name: metrics[name] for name in counts} == counts
    assert metrics["Spend"] == pytest.approx(10 * PRICE)
    assert metrics["Idle"] == pytest.approx(8 * PRICE)
    assert {key for key, _, _ in stage.said("done")} == set(crowd.due)
    assert [key for key, _, _ in stage.said("unknown")] == ["blind"]
    assert stage.said("rowless") == [{"model": crowd.stranger}]
    assert stage.said("twins") == [["ghost", 1]]
    [why] = stage.said("spared")
    assert sum(why.values()) == metrics["Spared"]
    [emf] = [line for line in stage.told() if "_aws" in line]
    [form] = emf["_aws"]["CloudWatchMetrics"]
    assert {each["Name"] for each in form["Metrics"]} == set(metrics)
    assert (emf["Namespace"], form["Dimensions"]) == (stage.namespace, [["Namespace"]])
    assert {name: emf[name] for name in metrics} == metrics
    assert 0 < float(stage.beat()["expires"]) - aws.clock.time() <= BEATS * SWEEP_S


def test_what_a_newer_version_wrote_is_spared_and_reported(aws: FakeAws) -> None:
    stage = Stage(aws)
    stage.life("newer", schema=SCHEMA + 1)
    before = stage.left()
    assert stage.sweep()["Unknown"] == 1
    assert stage.left() == before
    assert [key for key, _, _ in stage.said("unknown")] == ["newer"]
    assert stage.said("rowless") == []


def test_the_switch_is_obeyed_within_one_sweep(aws: FakeAws) -> None:
    stage = Stage(aws)
    idle = stage.life("idle")
    before = stage.left()
    stage.switch("me")
    assert stage.sweep()["Swept"] == 1
    assert stage.left() == before
    assert stage.phases() == {"idle": "ready"}
    assert stage.said("switched off") == ["me"]
    assert [key for key, _, _ in stage.said("would be done")] == ["idle"]
    assert stage.beat() == {}
    stage.switch("")
    stage.sweep()
    assert stage.phases() == {"idle": "gone"}
    assert not any(idle in name for name in stage.left())
    assert stage.beat()


def test_it_goes_on_where_it_ran_out_of_time(aws: FakeAws) -> None:
    stage = Stage(aws)
    for key in "abc":
        stage.life(key)
    # All of its time is what it keeps for the last key and the report.
    stage.session.client("lambda").update_function_configuration(
        FunctionName=stage.function, Timeout=int(SPARE_S)
    )
    seen = []
    for _ in range(4):
        stage.sweep()
        seen.append([key for key, phase in stage.phases().items() if phase == "gone"])
    assert seen[:3] == [["a"], ["a", "b"], ["a", "b", "c"]]
    assert stage.said("out of time") == ["b", "c"]
    assert stage.beat()["cursor"] == ""


def test_the_topic_hears_what_was_deleted(aws: FakeAws) -> None:
    session = aws.session()
    sns, sqs = session.client("sns"), session.client("sqs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    queue = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    stage = Stage(aws, TopicArn=topic)
    stage.sweep()
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    stage.life("idle")
    stage.sweep()
    [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    told = json.loads(message["Body"])
    assert told["Subject"] == f"llmanager {stage.namespace}"
    assert '["idle", 1, "every part is gone"]' in told["Message"]


def test_a_sweep_that_fails_again_and_again_is_a_dead_letter(aws: FakeAws) -> None:
    stage = Stage(aws)
    sqs = stage.session.client("sqs")
    queue = sqs.get_queue_url(QueueName=f"llmanager-{stage.namespace}-dead-letters")["QueueUrl"]
    # Fact: ministack's CloudFormation drops the DeadLetterConfig that the template has.
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    stage.session.client("lambda").update_function_configuration(
        FunctionName=stage.function, DeadLetterConfig={"TargetArn": arn["QueueArn"]}
    )
    aws.faults.add(Fault("dynamodb:Query", "denied", times=9))
    try:
        stage.session.client("lambda").invoke(
            FunctionName=stage.function, InvocationType="Event", Payload=b'{"id": "one"}'
        )
        found = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    finally:
        aws.faults.clear()
    assert '"id": "one"' in found[0]["Body"]
    assert stage.beat() == {}


def test_the_schedule_has_retries_and_a_dead_letter_queue(aws: FakeAws) -> None:
    stage = Stage(aws)
    events = stage.session.client("events")
    told = stage.session.client("lambda").get_function(FunctionName=stage.function)
    arn = told["Configuration"]["FunctionArn"]
    [rule] = events.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    [target] = events.list_targets_by_rule(Rule=rule)["Targets"]
    assert events.describe_rule(Name=rule)["ScheduleExpression"] == "rate(5 minutes)"
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 2
    assert target["DeadLetterConfig"]["Arn"].endswith("dead-letters")
    [group] = stage.session.client("logs").describe_log_groups(
        logGroupNamePrefix=f"/aws/lambda/{stage.function}"
    )["logGroups"]
    assert group["retentionInDays"] == 30


def test_alarms_and_dashboard_are_about_metrics_that_a_sweep_writes(aws: FakeAws) -> None:
    stage = Stage(aws)
    metrics = stage.sweep()
    session = stage.session
    topic = session.client("sns").create_topic(Name=stage.namespace)["TopicArn"]
    name = f"llmanager-{stage.namespace}-alarms"
    deploy(session, name, ALARMS, Namespace=stage.namespace, TopicArn=topic)
    cloudwatch = session.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=f"llmanager-{stage.namespace}-")
    found = alarms["MetricAlarms"]
    assert len(found) >= 5
    assert {each["MetricName"] for each in found if each["Namespace"] == "llmanager"} <= set(
        metrics
    )
    [board] = cloudwatch.list_dashboards(DashboardNamePrefix=f"llmanager-{stage.namespace}")[
        "DashboardEntries"
    ]
    body = cloudwatch.get_dashboard(DashboardName=board["DashboardName"])["DashboardBody"]
    assert json.loads(body)["widgets"]


def test_on_its_schedule_nobody_has_to_call_it() -> None:
    clock = Fast()
    with emulated_account(rules=AT_ONCE, clock=clock) as aws:
        stage = Stage(aws)
        idle = stage.life("idle")
        used = stage.life("used", until=24 * HOUR)
        until(lambda: stage.phases()["idle"] == "gone")
        assert not any(idle in name for name in stage.left())
        assert any(used in name for name in stage.left())
        first = float(until(stage.beat)["expires"])
        until(lambda: float(stage.beat()["expires"]) >= first + SWEEP_S)
