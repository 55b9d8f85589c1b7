"""`llmanager deploy`, `diff`, `destroy --stack`: the stack that makes `aws` safe to leave alone."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from llmanager_sdk.cli.output import as_json, facts
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.platforms import resolve

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform
    from llmanager_sdk.deploy.operations import Operations
    from llmanager_sdk.deploy.stacks import Options
    from llmanager_sdk.deploy.up import Deployer, Outcome


def deploy(args: argparse.Namespace) -> int:
    """Show what would change and what it costs, ask, and carry it out."""
    from llmanager_sdk.deploy.first_sweep import first_sweep

    platform = _platform()
    outcome = _deployer(platform, args).deploy(_options(args))
    platform.stack.forget()
    if outcome.done:
        first_sweep(platform, _say(args))
    if args.json:
        as_json(outcome.as_dict())
    elif outcome.done:
        _tell(outcome)
    return 0 if outcome.done else 1


def diff(args: argparse.Namespace) -> int:
    """Show what deploy would change; nothing is left of it."""
    outcome = _deployer(_platform(), args).diff(_options(args))
    if args.json:
        as_json(outcome.as_dict())
    return 0


def destroy(args: argparse.Namespace) -> int:
    """Take the stack away, and what a person says with it."""
    from llmanager_sdk.deploy.down import Destroyer
    from llmanager_sdk.deploy.survey import Choice

    platform = _platform()
    namespace = platform.settings.namespace

    def confirm(lossy: bool) -> bool:
        if not lossy:
            return _ask(args, f"Do this to the namespace {namespace}?")
        return _answer(args, f"Data will be lost. Type {namespace} to go on: ") in ("", namespace)

    say = _say(args)
    destroyer = Destroyer(platform, _operations(platform, args), say, confirm)
    ended = destroyer.destroy(Choice(args.resources or "", args.data or "", args.force))
    platform.stack.forget()
    if args.json:
        as_json(ended.as_dict())
    elif ended.agreed:
        print("Done." if ended.done else f"There is no stack of the namespace {namespace}.")
        for each in ended.left:
            print(f"left: {each}")
    return 0 if ended.agreed else 1


def _platform() -> AwsPlatform:
    from llmanager_sdk.aws.platform import AwsPlatform

    platform = resolve("aws")
    assert isinstance(platform, AwsPlatform)
    return platform


def _operations(platform: AwsPlatform, args: argparse.Namespace) -> Operations:
    from llmanager_sdk.deploy.gateway import CloudFormation
    from llmanager_sdk.deploy.operations import Operations

    gateway = CloudFormation(platform.account.client("cloudformation"))
    return Operations(gateway, platform.keeper.engine.clock, _say(args))


def _deployer(platform: AwsPlatform, args: argparse.Namespace) -> Deployer:
    from llmanager_sdk.deploy.up import Deployer

    who = platform.account.identity()
    say = _say(args)
    say(f"Account {who.account}, {platform.account.region}, as {who.arn}")
    return Deployer(
        _operations(platform, args),
        platform.keeper.engine.clock,
        platform.settings.namespace,
        say,
        lambda question: _ask(args, question),
    )


def _options(args: argparse.Namespace) -> Options:
    from llmanager_sdk.deploy.stacks import Options

    return Options(
        cap=_dollars(args.cap),
        topic=args.topic,
        kms_key=args.kms_key,
        subnets=_list(args.subnets),
        security_groups=_list(args.security_groups),
        alarms=args.alarms,
        force=getattr(args, "force", False),
    )


def _dollars(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise ConfigurationError(f"--cap {text} is not an amount of $/h", hint="say --cap 5")
    return value


def _list(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(part.strip() for part in text.split(",") if part.strip())


# -- talking to a person ---------------------------------------------------------------------------


class _Say:
    """Lines for people: beside the JSON, where that is asked for."""

    def __init__(self, json: bool) -> None:
        self._json = json

    def __call__(self, line: str) -> None:
        print(line, file=sys.stderr if self._json else sys.stdout, flush=True)


def _say(args: argparse.Namespace) -> _Say:
    return _Say(args.json)


def _ask(args: argparse.Namespace, question: str) -> bool:
    return _answer(args, f"{question} [y/N] ").lower() in ("", "y", "yes")


def _answer(args: argparse.Namespace, question: str) -> str:
    """What a person says; "" for one who said --yes before."""
    if args.yes:
        return ""
    if not sys.stdin.isatty():
        raise ConfigurationError(
            f"{args.command} asks, and nobody can answer here", step=args.command, hint="say --yes"
        )
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or "no"


def _tell(outcome: Outcome) -> None:
    print("Done." if outcome.changed else "Everything is as it should be.")
    for stack in outcome.stacks:
        if stack.outputs:
            print(f"\n{stack.name}")
            facts(dict(sorted(stack.outputs.items())))
