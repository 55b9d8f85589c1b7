"""Everybody who has one of the stack's policies, at work: each with credentials of their own.

What a function does is what that role is for (docs/stack.md, "For people"). The account's owner
deploys the stack, and plays the accidents.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from llmanager_sdk import ChatHistory, ManagedEmbeddings, ManagedLLM
from llmanager_sdk.aws.in_use import in_use
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.prices import hosting
from llmanager_sdk.aws.reaper import LAMBDA, sweep_and_tell
from llmanager_sdk.cli import ceiling, reap, resources, spending
from llmanager_sdk.cli.doctor_aws import checks
from llmanager_sdk.core.drivers import Sleep
from llmanager_sdk.deploy.first_sweep import first_sweep
from llmanager_sdk.deploy.stacks import Options
from llmanager_sdk.deploy.templates import Name, template
from llmanager_sdk.doctor.finding import examine, mend
from llmanager_sdk.ports.history import Stored
from llmanager_sdk.testing.aws import Canned, FakeAws, Fault
from llmanager_sdk.version import VERSION
from tests.aws.flows import ensure, want
from tests.aws.test_faces import both
from tests.catalog.test_resolve import DOCUMENT
from tests.deploy.stage import TOPIC, Person, Stage


def older(name: Name) -> str:
    """The template with other code: the newer one is another change of the function alone."""
    return template(name).replace("     # Files of ", "     # Older of ")


class People:
    """One namespace of an account, its stack deployed by the owner.

    Args:
        aws: the account; its clock must be one that a test turns.
    """

    def __init__(self, aws: FakeAws, home: Path) -> None:
        self.aws = aws
        self.stage = Stage(aws, home, older)
        self.stage.deploy(version=VERSION, cap=50.0, topic=TOPIC)
        self.stage.templates = template
        aws.engine = Canned(both)
        aws.rules.jumpstart = {"some-model": DOCUMENT}

    def platform(self, role: str) -> AwsPlatform:
        """Another process of somebody's; all it knows of the account is the namespace."""
        return self.stage.platform(self.aws.session(role))

    def heartbeat(self) -> None:
        """The Lambda lives, for all that others know."""
        self.platform("").beats.beat(LAMBDA)


Flow = Callable[[People], object]


def user(people: People) -> None:
    """Writes applications: models, texts, histories."""
    platform = people.platform("user")
    in_use(platform)
    people.heartbeat()
    _half_made(people)
    platform.chat("jumpstart:some-model", None, {})
    hosting(platform.account, "ml.g5.xlarge")
    told: Any = {"platform": platform, "progress": "off"}
    # Its answer is lost, so that it is asked whose the model of that name is.
    people.aws.faults.add(Fault("sagemaker:CreateModel", "lost after", times=9))
    llm = ManagedLLM("qwen3-0.6b", aws={"max_instances": 2}, **told)
    llm.invoke("hi")
    people.aws.faults.clear()
    assert "".join(chunk.text for chunk in llm.stream("hi"))
    assert len(ManagedEmbeddings("minilm", **told).embed_documents(["a", "b"])) == 2
    people.aws.sagemaker.endpoints.clear()
    llm.invoke("it vanished, and comes back")
    llm.resource.pin("1h")
    llm.resource.pin(0)
    llm.resource.logs()
    assert llm.resource.stop(force=True).phase == "cold"
    ensure(platform, want(role=""))
    ensure(platform, replace(want(role="", context=2048), replace=True))
    _history(platform, people)
    platform.keeper.forget()


def _half_made(people: People) -> None:
    """The table of histories, whose maker died over it."""
    names = (("pk", "HASH"), ("sk", "RANGE"))
    people.aws.session().client("dynamodb").create_table(
        TableName=f"{people.stage.name}-history",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": x, "AttributeType": "S"} for x, _ in names],
        KeySchema=[{"AttributeName": x, "KeyType": kind} for x, kind in names],
    )


def _history(platform: AwsPlatform, people: People) -> None:
    history = ChatHistory("s", platform=platform, ttl="1d")
    history.add_user_message("hello")
    store = platform.history()
    assert store.append("s", [Stored(f"m{n}", '"x"') for n in range(120)], 86_400.0) == 120
    people.aws.clock.sleep(60_000.0)
    store.append("s", [Stored("late", '"x"')], 10 * 86_400.0)  # all items are kept longer
    assert len(store.read("s")) == 122
    assert [each.id for each in store.sessions()] == ["s"]
    history.clear()
    assert store.read("s") == []


def readonly(people: People) -> None:
    """Looks at everything."""
    platform = people.platform("readonly")
    with redirect_stdout(StringIO()):
        spending.show(platform, as_data=False)
        ceiling.show(platform, as_data=True)
        resources.show_logs(platform, Namespace(key="tiny", lines=5, json=True))
    assert resources.statuses(platform.keeper.engine, "aws")
    in_use(platform)
    found = {each.name: each.finding for each in examine(checks(platform))}
    denied = [name for name, each in found.items() if each.ok is None]
    assert denied == [], {name: found[name].text for name in denied}


def operator(people: People) -> None:
    """Cleans up, turns the switch, brings the function up to date."""
    platform = people.platform("operator")
    platform.beats.switch("me")
    platform.beats.switch("")
    reap.watch(platform, 300.0, lambda report, dry: None, lambda: True)
    platform.beats.beat("watch@elsewhere:1")
    people.aws.clock.sleep(1000.0)
    _lose_a_row(people)
    people.stage.deployer(Person(), VERSION, people.aws.session("operator")).diff(Options(cap=9.0))
    assert people.stage.deploy(version=VERSION, session=people.aws.session("operator")).changed
    first_sweep(platform, lambda line: None)
    assert mend(list(examine(checks(platform))), lambda title: True, lambda line: None)


def _lose_a_row(people: People) -> None:
    """The owner does: what the row knew is an orphan then."""
    it = people.aws.session().client("dynamodb")
    known = it.query(
        TableName=f"{people.stage.name}-registry",
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": people.stage.namespace}},
    )["Items"]
    [row] = [each for each in known if each["sk"]["S"] == "tiny"]
    key = {name: row[name] for name in ("pk", "sk")}
    it.delete_item(TableName=f"{people.stage.name}-registry", Key=key)


def reaper(people: People) -> None:
    """The Lambda: deletes what a scaled endpoint and a dead creator left."""
    owner = people.platform("")
    people.heartbeat()
    ensure(owner, want(role="", key="scaled", max_instances=2))
    _die(people, owner)
    owner.keeper.forget()
    clients = people.aws.session("reaper").client
    environ = {"LLMANAGER_NAMESPACE": people.stage.namespace, "LLMANAGER_TOPIC": TOPIC}
    for _ in range(12):
        people.aws.clock.sleep(900.0)
        with redirect_stdout(StringIO()):  # there are no topics here, and no harm in it
            sweep_and_tell(clients, environ, people.aws.clock.time() + 250, people.aws.clock)
    assert people.stage.scene.left() == []


def _die(people: People, platform: AwsPlatform) -> None:
    """A creator ends when its model is there, and nothing else."""
    before = len(people.aws.sagemaker.models)
    steps = platform.keeper.engine.ensure(want(role="", key="given-up"))
    effect = next(steps)
    while len(people.aws.sagemaker.models) == before:
        effect = steps.send(None if isinstance(effect, Sleep) else effect.call())
    steps.close()


def cleaner(people: People) -> None:
    """The operator again: once the owner has removed the stack, what is left, data included."""
    people.aws.session().client("cloudformation").delete_stack(StackName=people.stage.name)
    people.aws.clock.sleep(60.0)
    session = people.aws.session("operator")
    people.stage.destroy(session=session, resources="stop", data="delete", force=True)
    assert people.stage.tables() == []


FLOWS: tuple[Flow, ...] = (user, readonly, operator, reaper, cleaner)
