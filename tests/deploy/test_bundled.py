"""The bundled templates: what deploy makes of them, on the fake and on a real emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmanager_sdk.aws.stack import DEFAULT_CAP
from llmanager_sdk.deploy import floor
from llmanager_sdk.deploy.stacks import Options, declared
from llmanager_sdk.deploy.templates import NAMES, template
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.testing.aws import FakeAws
from llmanager_sdk.testing.aws.template import load, render
from llmanager_sdk.version import VERSION
from tests.aws.clocks import Fast
from tests.aws.emulated import emulated_account
from tests.aws.flows import ensure, want
from tests.deploy.stage import TOPIC, Person, Stage


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_found_without_reading_yaml(name: str) -> None:
    text = template(name)  # type: ignore[arg-type]
    assert declared(text) == set(load(text)["Parameters"])


def test_the_console_and_deploy_begin_with_the_same_cap() -> None:
    assert float(load(template())["Parameters"]["Cap"]["Default"]) == DEFAULT_CAP


def test_a_template_that_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml") as caught:
        template("nothing")  # type: ignore[arg-type]
    assert "pip install" in caught.value.hint


def test_the_bill_is_what_the_templates_say() -> None:
    text = template()
    memory = load(text)["Resources"]["Reaper"]["Properties"]["MemorySize"]
    bill = {item.what: item for item in floor.floor(text, template("alarms"))}
    assert f"x {memory / 1024:g} GB" in bill["Lambda, time"].sum
    alarms = load(template("alarms"))["Resources"].values()
    count = sum(x["Type"] == "AWS::CloudWatch::Alarm" for x in alarms)
    assert bill["alarms"].sum == f"{count} alarms x 0.1 $"
    assert bill["alarms"].dollars == pytest.approx(0.1 * count)
    assert bill["metrics"].dollars == pytest.approx(2.7)
    assert not any(item.verified for item in bill.values() if item.prices)


def test_every_parameter_does_something() -> None:
    text = template()
    base = render(text, {"Namespace": "abc"}, "llmanager-abc", "us-east-1")
    others = {
        "Cap": "8",
        "TopicArn": TOPIC,
        "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k",
        "SubnetIds": "subnet-1",
        "SecurityGroupIds": "sg-1",
    }
    for name, value in others.items():
        given = {"Namespace": "abc", name: value}
        if name == "SecurityGroupIds":
            given["SubnetIds"] = others["SubnetIds"]
        changed = render(text, given, "llmanager-abc", "us-east-1")
        # Outputs alone may be no change to CloudFormation.
        assert changed.resources != base.resources, name


def test_the_real_templates_from_nothing_to_nothing(aws: FakeAws, tmp_path: Path) -> None:
    stage = Stage(aws, tmp_path, template)
    person = Person()
    outcome = stage.deploy(person, version=VERSION, cap=2.0, topic=TOPIC, alarms=True)
    assert outcome.stacks[0].outputs["Version"] == VERSION
    assert outcome.stacks[0].outputs["Cap"] == "2"
    assert not stage.deploy(version=VERSION).changed
    platform = stage.platform()
    platform.beats.beat("lambda")
    life = ensure(platform, want(role="")).life
    made = aws.sagemaker.models[life.names["model"]]
    assert made.request["ExecutionRoleArn"] == outcome.stacks[0].outputs["SageMakerRoleArn"]
    stage.destroy(resources="stop", data="delete", force=True)
    assert aws.cloudformation.stacks == {}
    stage.scene.close()


def test_a_real_emulator_from_nothing_to_nothing(tmp_path: Path) -> None:
    """Where ministack plays CloudFormation: its change sets, its events, its own mistakes."""
    with emulated_account(clock=Fast()) as aws:
        stage = Stage(aws, tmp_path)
        stage.deployer(Person()).diff(Options(cap=2.0))
        outcome = stage.deploy(cap=2.0)
        assert outcome.stacks[0].outputs["Cap"] == "2"
        assert not stage.deploy().changed
        person = Person()
        outcome = stage.deploy(person, version="1.1.0", topic=TOPIC, alarms=True)
        assert [x.status for x in outcome.stacks] == ["UPDATE_COMPLETE", "CREATE_COMPLETE"]
        assert "modify   Reaper (AWS::Lambda::Function)" in person.heard
        assert stage.platform().stack.outputs()["Version"] == "1.1.0"
        assert stage.destroy().left == ()
        assert stage.platform().stack.outputs() == {}
        stage.scene.close()
