"""What is done in an account, again and again: bring up, sweep, look what is left."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from llmanager_sdk.aws.guard import Reapers
from llmanager_sdk.aws.plan import Plan
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.reaper import registry_table
from llmanager_sdk.core import verbs
from llmanager_sdk.core.claims import Known, Want
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import Spec
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.core.sweep import Report, sweep
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws, Rules
from tests.aws.clocks import Turned
from tests.servers.dynamodb import dynamodb_local

ROLE = "arn:aws:iam::123456789012:role/sagemaker"
BODY: dict[str, Any] = {
    "model": "tiny",
    "hub": "org/tiny",
    "image": "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:1",
    "environment": {"HF_MODEL_ID": "org/tiny"},
    "instance_types": ["ml.g5.xlarge"],
    "download_timeout_s": 900,
    "health_timeout_s": 900,
    "context": 4096,
    "wire": "openai",
    "instances": 1,
    "max_instances": 1,
    "role": ROLE,
}


def spec(key: str = "tiny", **body: Any) -> Spec:
    """Of a small deployment."""
    return spec_of("endpoint", key, {**BODY, **body})


def want(idle: float = 900.0, **more: Any) -> Want:
    """Somebody wants it."""
    return Want(spec(**more), idle, price=1.408)


class Scene:
    """One namespace in an account, seen by as many processes as are asked for.

    Args:
        aws: the account.
        role: whose credentials its processes have (`FakeAws.session`).
    """

    def __init__(self, aws: FakeAws, home: Path, namespace: str = "", role: str = "") -> None:
        self.aws = aws
        self.role = role
        self.namespace = namespace or "t" + secrets.token_hex(3)
        self._home = home
        self._made: list[AwsPlatform] = []

    def process(
        self, session: Any = None, show: Callable[[Plan], Any] = str, **settings: Any
    ) -> AwsPlatform:
        """Another process."""
        base = {"namespace": self.namespace, "role": ROLE, "home": self._home, "cap": 50.0}
        base["offline"] = True  # Hugging Face is not asked
        made = AwsPlatform(
            Settings(**{**base, **settings}),
            session=session or self.aws.session(self.role),
            clock=self.aws.clock,
            show=show,
        )
        if self.role == "user" and session is None:
            self._lend_reapers(made)
        self._made.append(made)
        return made

    def _lend_reapers(self, platform: AwsPlatform) -> None:
        """What a test says in the name of a reaper is not said by a user: that may not."""
        table, client = registry_table(platform.settings.namespace), self.aws.session("operator")
        ensure_table = platform.keeper.engine.registry.ensure_table
        platform.beats = Reapers(
            table,
            platform.settings.namespace,
            client.client("dynamodb"),
            self.aws.clock,
            ensure_table,
        )

    def close(self) -> None:
        """Nothing is owed to an account that ends with its test."""
        for each in self._made:
            each.keeper.forget()

    def left(self) -> list[str]:
        """Everything of this namespace that is in SageMaker."""
        it = self.aws.sagemaker
        it.billed()
        names = [*it.models, *it.configs, *it.endpoints]
        return [name for name in names if name.startswith(f"llm-{self.namespace}-")]

    def settle(self, most: int = 8) -> int:
        """Sweep until nothing is left; how many sweeps that took, or `most` + 1."""
        platform = self.process(self.aws.session("operator" if self.role else ""))
        clock = self.aws.clock
        for number in range(1, most + 1):
            reap(platform)
            clock.sleep(300.0)
            if not self.left():
                return number
        return most + 1


def ensure(platform: AwsPlatform, wanted: Want) -> Known:
    """Bring it up."""
    engine = platform.keeper.engine
    known: Known = run(engine.ensure(wanted), engine.clock)
    return known


def stop(platform: AwsPlatform, key: str = "tiny") -> None:
    """A person's word, carried out as far as it goes."""
    engine = platform.keeper.engine
    run(verbs.stop(engine, key, force=True), engine.clock)
    run(verbs.see_off(engine, key, 600.0), engine.clock)


def reap(platform: AwsPlatform) -> Report:
    """One sweep by a living reaper."""
    engine = platform.keeper.engine
    report: Report = run(sweep(engine, platform.settings.namespace), engine.clock)
    platform.beats.beat("test")
    return report


@contextmanager
def account(dynamodb: str, *, creating: float = 300.0, deleting: float = 60.0) -> Iterator[FakeAws]:
    """A fake account whose time a test turns."""
    rules = Rules(creating=creating, deleting=deleting, visible=5.0)
    with FakeAws(dynamodb=dynamodb, clock=Turned(), rules=rules) as aws:
        yield aws


@contextmanager
def quick_account() -> Iterator[tuple[FakeAws, Path]]:
    """One whose states are short, with a real DynamoDB and a folder, for long tables of cases."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(dynamodb_local())
        yield stack.enter_context(account(url, creating=25.0, deleting=15.0)), Path(folder)
