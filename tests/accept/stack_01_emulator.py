"""The template deployed on an emulator: the Lambda runs there from its code, on its schedule."""

from __future__ import annotations

import hashlib
import io
import re
import textwrap
import time
import urllib.request
import zipfile
from collections.abc import Iterator

from llmanager_sdk.aws.reaper import BEATS, SPARE_S, SWEEP_S
from llmanager_sdk.core.life import SCHEMA
from tests.accept.harness import Line, check
from tests.accept.local_02_standard import suite
from tests.aws.clocks import Fast
from tests.aws.emulated import deploy, emulated_account
from tests.infra.scenes import AT_ONCE, Crowd, until
from tests.infra.stage import ALARMS, HOUR, ROOT, TEMPLATE, Stage

COMMAND = "pytest tests/infra/test_deployed.py"
PLAYED = "## What plays what in the tests"
OWN = ("change sets", "alarms", "dashboard", "cfn-lint", "AWS_ENDPOINT_URL")


@check("stack-1")
def emulator() -> Iterator[Line]:
    """Deploys, reaps, spares, resumes, collects, reports; on schedule, and off by the switch."""
    with emulated_account(rules=AT_ONCE) as aws:
        yield from _deployed(Stage(aws))
        yield from _crowd(Crowd(Stage(aws)))
        yield from _newer(Stage(aws))
        yield from _out_of_time(Stage(aws))
    with emulated_account(rules=AT_ONCE, clock=Fast()) as aws:
        yield from _schedule(Stage(aws))
    found, _ = suite("tests/infra/test_deployed.py")
    told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(found.items()))
    yield Line("the same as tests", COMMAND, told, "all pass", set(found) == {"passed"})
    yield from _said()


def _deployed(stage: Stage) -> Iterator[Line]:
    cloud = stage.session.client("cloudformation")
    name = f"llmanager-{stage.namespace}"
    status = cloud.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    parts = cloud.list_stack_resources(StackName=name)["StackResourceSummaries"]
    told = f"{status}, {len(parts)} resources, {len(TEMPLATE.encode()):,} bytes"
    good = status == "CREATE_COMPLETE" and len(parts) >= 10
    yield Line("infra/template.yaml deploys by a change set", COMMAND, told, "all of it", good)
    code, run = _code_of_template(), _code_that_runs(stage)
    told = f"{_digest(run)} runs, {_digest(code)} in the template"
    yield Line("the code that runs is the template's", COMMAND, told, "the same", code == run)
    topic = stage.session.client("sns").create_topic(Name=stage.namespace)["TopicArn"]
    deploy(stage.session, f"{name}-alarms", ALARMS, Namespace=stage.namespace, TopicArn=topic)
    parts = cloud.list_stack_resources(StackName=f"{name}-alarms")["StackResourceSummaries"]
    told = f"{len(parts)} alarms and dashboard"
    yield Line("infra/alarms.yaml deploys beside it", COMMAND, told, ">= 5", len(parts) >= 5)
    found = re.findall("endpoint_url|AWS_ENDPOINT", TEMPLATE)
    told = f"{len(found)} mentions"
    yield Line("endpoints named in the template", COMMAND, told, "0", not found)


def _code_of_template() -> str:
    _, _, code = TEMPLATE.partition("ZipFile: |\n")
    return textwrap.dedent(code).strip()


def _code_that_runs(stage: Stage) -> str:
    told = stage.session.client("lambda").get_function(FunctionName=stage.function)
    path = told["Code"]["Location"].split("/", 3)[3]
    with urllib.request.urlopen(f"{stage.aws.rest}/{path}", timeout=30) as answer:
        packed = zipfile.ZipFile(io.BytesIO(answer.read()))
    return packed.read("index.py").decode().strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _crowd(crowd: Crowd) -> Iterator[Line]:
    stage = crowd.stage
    metrics = stage.sweep()
    phases = stage.phases()
    for key, why in crowd.due.items():
        told = (
            f"{phases[key]}, {sum(x.endswith(crowd.names[key]) for x in stage.left())} parts left"
        )
        yield Line(f"one sweep: {why}", COMMAND, told, "gone, 0 left", told == "gone, 0 parts left")
    kept, left = crowd.kept(), stage.left()
    for key, why in crowd.spared.items():
        mine = {each for each in kept if each.endswith(crowd.names[key])}
        good = mine <= left and phases[key] != "gone"
        yield Line(f"spared: {why}", COMMAND, phases[key], "untouched", good)
    told = f"{len(left - kept)} too many, {len(kept - left)} too few of {len(kept)}"
    yield Line("rowless and other namespaces", COMMAND, told, "untouched", left == kept)
    names = ["Done", "Spared", "Unknown", "Rowless", "Twins", "Errors"]
    told = ", ".join(f"{name} {metrics[name]:.0f}" for name in names)
    good = stage.said("rowless") == [{"model": crowd.stranger}] and metrics["Errors"] == 0
    good = good and {key for key, _, _ in stage.said("done")} == set(crowd.due)
    yield Line("the report in its log: JSON", COMMAND, told, "each case named", good)
    emf = [line for line in stage.told() if "_aws" in line]
    forms = [form for line in emf for form in line["_aws"]["CloudWatchMetrics"]]
    counted = {each["Name"] for form in forms for each in form["Metrics"]}
    good = len(emf) == 1 and counted == set(metrics) and forms[0]["Namespace"] == "llmanager"
    yield Line("metrics in embedded format", COMMAND, f"{len(counted)} of them", "all", good)
    ahead = float(stage.beat()["expires"]) - stage.aws.clock.time()
    told, good = f"alive for {ahead:.0f} s more", 0 < ahead <= BEATS * SWEEP_S
    yield Line("its heartbeat", COMMAND, told, f"{BEATS} sweeps of {SWEEP_S:.0f} s", good)


def _newer(stage: Stage) -> Iterator[Line]:
    stage.life("newer", schema=SCHEMA + 1)
    before = stage.left()
    unknown = stage.sweep()["Unknown"]
    good = stage.left() == before and unknown == 1
    told = f"{unknown:.0f} reported"
    yield Line("what a newer SDK wrote is spared", COMMAND, told, "1 reported, untouched", good)


def _out_of_time(stage: Stage) -> Iterator[Line]:
    for key in "abc":
        stage.life(key)
    stage.session.client("lambda").update_function_configuration(
        FunctionName=stage.function, Timeout=int(SPARE_S)
    )
    seen = []
    for _ in range(3):
        stage.sweep()
        seen.append("".join(key for key, phase in stage.phases().items() if phase == "gone"))
    told = " then ".join(seen)
    good = seen == ["a", "ab", "abc"]
    yield Line("out of time after each key, goes on there", COMMAND, told, "a, ab, abc", good)


def _schedule(stage: Stage) -> Iterator[Line]:
    clock = stage.aws.clock
    stage.switch("a person")
    idle, used = stage.life("idle"), stage.life("used", until=24 * HOUR)
    began, real = clock.time(), time.monotonic()
    until(lambda: len(stage.said("switched off")) >= 2)
    minutes = (clock.time() - began) / 60
    good = stage.phases() == {"idle": "ready", "used": "ready"} and not stage.beat()
    told = f"2 sweeps in {minutes:.0f} min, {len(stage.said('done'))} deletions, no heartbeat"
    yield Line("off by the switch, on schedule", COMMAND, told, "0 deletions", good)
    stage.switch("")
    on = clock.time()
    until(lambda: stage.phases()["idle"] == "gone")
    minutes = (clock.time() - on) / 60
    there = "".join(sorted(stage.left()))
    good = idle not in there and used in there and minutes <= 6
    told = f"idle deleted after {minutes:.1f} min, used kept"
    yield Line("on again: within one sweep", COMMAND, told, "<= 6 min", good)
    until(lambda: len(_ends(stage)) >= 8)
    ends = _ends(stage)
    minutes = (ends[-1] - began) / 60
    told = f"{len(ends)} sweeps in {minutes:.0f} min ({time.monotonic() - real:.0f} s here)"
    each = minutes / len(ends)
    yield Line("rate(5 minutes) calls it", COMMAND, told, "each 4 to 7 min", 4 <= each <= 7)


def _ends(stage: Stage) -> list[float]:
    """When its sweeps ended, on the account's clock."""
    return [line["_aws"]["Timestamp"] / 1000 for line in stage.told() if "_aws" in line]


def _said() -> Iterator[Line]:
    _, _, text = (ROOT / "docs" / "aws.md").read_text().partition(PLAYED)
    text = text.partition("\n## ")[0]
    lacks = [word for word in OWN if word not in text]
    told = f"{text.count(chr(10) + '|')} rows" + (f", without {', '.join(lacks)}" if lacks else "")
    good = bool(text) and not lacks
    yield Line("docs/aws.md says what plays what", "docs/aws.md", told, "a table", good)
