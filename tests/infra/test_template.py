"""The templates: linters, and the house rules for permissions; `test_inlined` has their code."""

from __future__ import annotations

import copy
import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llmanager_sdk
from llmanager_sdk.aws.reaper import measured
from llmanager_sdk.core.sweep import Report
from llmanager_sdk.deploy.templates import NAMES, template
from tests.infra import rules
from tests.infra.tools import ROOT, linters

CORE, ALARMS = ROOT / "infra" / "template.yaml", ROOT / "infra" / "alarms.yaml"
EXCEPTIONS = {
    "CKV_AWS_115": "a reserved concurrency would make the stack fail in new accounts, whose quota "
    "of 10 may not be reserved; sweeps do not overlap, since one ends before the next begins",
    "CKV_AWS_173": "the environment holds names and nothing secret, and Lambda encrypts it; with a "
    "key of the user's own, whoever disables that key would stop the reaper",
    "CKV_AWS_27": "SQS encrypts with its own key; with one of the user's own, a key policy that "
    "forgets EventBridge would lose the dead letters of the schedule without a word",
}
"""What checkov asks for, and why it is not so."""

Template = dict[str, Any]


@pytest.fixture(scope="module")
def core() -> Template:
    found: Template = rules.load(template())
    return found


# -- linters


@pytest.mark.parametrize("path", [CORE, ALARMS], ids=["template", "alarms"])
def test_cfn_lint_finds_nothing(path: Path) -> None:
    found = lint(path)
    assert found.returncode == 0, found.stdout


def lint(path: Path) -> subprocess.CompletedProcess[str]:
    words = [linters() / "cfn-lint", "--regions", "us-east-1", "eu-central-1", "--", path]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)


def test_cfn_lint_would_find_something(tmp_path: Path) -> None:
    wrong = tmp_path / "template.yaml"
    wrong.write_text(ALARMS.read_text().replace("EvaluationPeriods: 72", "Evaluations: 72"))
    assert "Evaluations" in lint(wrong).stdout


def test_checkov_finds_nothing_but_what_has_a_reason() -> None:
    found = checked(CORE) | checked(ALARMS)
    assert found == EXCEPTIONS.keys()
    assert len(EXCEPTIONS) <= 7
    assert all(EXCEPTIONS.values())


def checked(path: Path) -> set[str]:
    """The checks that fail. Nothing is downloaded."""
    words = [linters() / "checkov", "--framework", "cloudformation", "--skip-download"]
    words += ["--compact", "--quiet", "-o", "json", "-f", path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    told = json.loads(done.stdout)
    assert (told.get("summary") or told)["passed"] > 0 or path == ALARMS
    failed = told.get("results", {}).get("failed_checks", [])
    return {each["check_id"] for each in failed}


# -- rules


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_the_core_template_keeps_the_rule(
    core: Template, rule: Callable[[Template], list[str]]
) -> None:
    assert rule(core) == []


def grant(logical: str, statement: dict[str, Any]) -> Callable[[Template], None]:
    """Plants one more statement into a policy."""

    def plant(core: Template) -> None:
        held = core["Resources"][logical]["Properties"]
        document = held["Policies"][0]["PolicyDocument"] if "Policies" in held else None
        (document or held["PolicyDocument"])["Statement"].append({"Effect": "Allow", **statement})

    return plant


def put(logical: str, name: str, value: Any) -> Callable[[Template], None]:
    """Plants another property."""
    return lambda core: core["Resources"][logical]["Properties"].__setitem__(name, value)


OURS = {"Fn::Sub": "arn:*:sagemaker:*:*:*/llm-${Namespace}-*"}
PLANTED = {
    "a delete without the tag": (
        rules.deletes_by_tag,
        grant("ReaperRole", {"Action": "sagemaker:DeleteModel", "Resource": OURS}),
    ),
    "a delete behind a wildcard": (
        rules.deletes_by_tag,
        grant("UserPolicy", {"Action": "sagemaker:*Model", "Resource": OURS}),
    ),
    "an exception on anything": (
        rules.deletes_by_tag,
        grant("UserPolicy", {"Action": "dynamodb:DeleteItem", "Resource": "*"}),
    ),
    "another role is passed": (
        rules.passes_one_role,
        grant("OperatorPolicy", {"Action": "iam:PassRole", "Resource": "*"}),
    ),
    "another star": (
        rules.few_stars,
        grant("UserPolicy", {"Action": "sagemaker:DescribeEndpoint", "Resource": "*"}),
    ),
    "a whole service": (
        rules.few_stars,
        grant("UserPolicy", {"Action": "sagemaker:*", "Resource": OURS}),
    ),
    "every table": (
        rules.narrow,
        grant("UserPolicy", {"Action": "dynamodb:PutItem", "Resource": "arn:*:dynamodb:*:*:*"}),
    ),
    "anybody": (
        rules.trusts_services,
        put(
            "ReaperRole",
            "AssumeRolePolicyDocument",
            {"Statement": [{"Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]},
        ),
    ),
    "no dead letters": (rules.dead_letters, put("Reaper", "DeadLetterConfig", None)),
    "letters for a day": (rules.dead_letters, put("DeadLetters", "MessageRetentionPeriod", 86400)),
    "a log for ever": (rules.logs_end, put("ReaperLog", "RetentionInDays", None)),
    "another log": (rules.logs_end, put("ReaperLog", "LogGroupName", {"Fn::Sub": "x"})),
    "a secret": (
        rules.no_secrets,
        lambda core: core["Parameters"].update(Key={"Type": "String", "NoEcho": True}),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(core: Template, name: str) -> None:
    rule, plant = PLANTED[name]
    planted = copy.deepcopy(core)
    plant(planted)
    assert rule(core) == []
    assert rule(planted)


def test_it_has_the_promised_face(core: Template) -> None:
    outputs = {"SageMakerRoleArn", "Cap", "Version", "Namespace"}
    outputs |= {"UserPolicyArn", "OperatorPolicyArn", "ReadOnlyPolicyArn"}
    assert core["Outputs"].keys() == outputs
    needed = {name for name, it in core["Parameters"].items() if "Default" not in it}
    assert needed == set(), "the console asks for nothing"
    version = core["Parameters"]["Version"]
    assert version["AllowedValues"] == [version["Default"]] == [llmanager_sdk.__version__]
    assert "LLMANAGER_NAMESPACE" in template("template")
    reaper = core["Resources"]["Reaper"]["Properties"]
    assert reaper["Timeout"] < 5 * 60, "one sweep ends before the next begins"


def test_every_alarm_is_there_and_told() -> None:
    found = {
        name: it["Properties"]
        for name, it in rules.load(template("alarms"))["Resources"].items()
        if it["Type"] == "AWS::CloudWatch::Alarm"
    }
    assert {name: it["MetricName"] for name, it in found.items()} == {
        "IdleSpend": "Idle",
        "Rowless": "Rowless",
        "ReaperSilent": "Swept",
        "ReaperFailing": "Errors",
        "SweepErrors": "Errors",
        "Unknown": "Unknown",
        "DeadLetters": "ApproximateNumberOfMessagesVisible",
    }
    assert all(it["AlarmActions"] == [{"Ref": "TopicArn"}] for it in found.values())
    unknown, silent = found["Unknown"], found["ReaperSilent"]
    assert unknown["Period"] * unknown["DatapointsToAlarm"] == 6 * 3600
    assert silent["Period"] * silent["EvaluationPeriods"] == 15 * 60
    assert silent["TreatMissingData"] == "breaching"


def test_alarms_and_dashboard_look_at_what_the_reaper_measures() -> None:
    told = measured(Report(), "x")["_aws"]["CloudWatchMetrics"]
    [made] = [{metric["Name"] for metric in each["Metrics"]} for each in told]
    resources = rules.load(template("alarms"))["Resources"]
    body = json.loads(resources.pop("Dashboard")["Properties"]["DashboardBody"]["Fn::Sub"])
    rows = [row for each in body["widgets"] for row in each["properties"].get("metrics", [])]
    space, shown = "", set()
    for row in rows:
        space = space if row[0] == "." else row[0]
        shown |= {row[1]} if space == "llmanager" else set()
    watched = [it["Properties"] for it in resources.values()]
    looked_at = {it["MetricName"] for it in watched if it["Namespace"] == "llmanager"}
    assert shown == made
    assert looked_at < made
    assert told[0]["Dimensions"] == [["Namespace"]]


def test_a_wheel_holds_them_where_they_are_looked_for() -> None:
    made = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    held = made["targets"]["wheel"]["force-include"]
    assert held == {f"infra/{name}.yaml": f"llmanager_sdk/infra/{name}.yaml" for name in NAMES}
