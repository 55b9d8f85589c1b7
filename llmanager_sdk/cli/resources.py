"""`llmanager status`, `warm`, `stop`, `destroy`, `logs`: one resource, or all of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from llmanager_sdk.cli.output import as_json, facts
from llmanager_sdk.core import verbs
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.life import Slot
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.registry.rows import every_slot
from llmanager_sdk.resource.logs import STAY, forget
from llmanager_sdk.resource.model import STOP_WAIT
from llmanager_sdk.resource.status import Status, looked, of_slot


def statuses(engine: Engine, platform: str) -> Iterator[Status]:
    """A status for each slot, the cold ones included."""
    for slot in every_slot(engine.registry):
        if not slot.lives:
            continue
        life = slot.lives[-1]
        kind = engine.kinds.get(life.spec.kind)
        if kind is None:
            continue
        body = dict(life.spec.body)
        yield Status(
            key=slot.key,
            kind=life.spec.kind,
            platform=platform,
            details=body,
            **of_slot(slot, engine.clock.time(), kind.timing, looked(kind, slot, platform)),
        )


def status(args: argparse.Namespace) -> None:
    """Everything about one resource, or about all."""
    platform = resolve()
    found = [
        each
        for each in statuses(platform.keeper.engine, platform.name)
        if args.key in (None, each.key)
    ]
    if args.key and not found:
        raise _unknown(platform.keeper.engine, args.key)
    if args.json:
        as_json([each.as_dict() for each in found])
        return
    if not found:
        print("nothing was ever started here")
    for each in found:
        shown = each.as_dict() | {
            "since": _when(each.since),
            "keeps_until": _when(each.keeps_until),
        }
        facts({name: value for name, value in shown.items() if value})
        print()


def warm(args: argparse.Namespace) -> None:
    """Bring a model up, and wait for it."""
    from llmanager_sdk.resource.model import model_link

    link = model_link(args.model, deployment=args.deployment, idle_timeout=args.idle_timeout)
    swap = args.replace
    result = link.replace(strategy=swap) if swap else link.warm(force=args.force)
    as_json(result.as_dict()) if args.json else print(result)


def stop(args: argparse.Namespace) -> int:
    """End resources; data stay."""
    platform = resolve()
    engine = platform.keeper.engine
    keys = [slot.key for slot in _chosen(engine, args)]
    for key in keys:
        run(verbs.stop(engine, key, force=args.force), engine.clock)
    until = engine.clock.time() + STOP_WAIT
    gone = {}
    for key in keys:  # all were told; the time to see them off is for all together
        left = max(until - engine.clock.time(), 0.0)
        gone[key] = run(verbs.see_off(engine, key, left), engine.clock)
    if args.json:
        as_json(gone)
    elif not gone:
        print("nothing is running")
    else:
        for key, over in gone.items():
            print(f"{key}: {'gone' if over else _going(engine, key)}")
    return 0 if all(gone.values()) else 1


def _going(engine: Engine, key: str) -> str:
    """What becomes of one that was stopped, without anybody waiting for it."""
    slot = engine.registry.read(key)
    timing = engine.kinds[slot.lives[-1].spec.kind].timing
    return str(of_slot(slot, engine.clock.time(), timing)["leaves"])


def logs(args: argparse.Namespace) -> int:
    """What a resource wrote last; of one that is gone, what is left of it."""
    return show_logs(resolve(), args)


def show_logs(platform: Platform, args: argparse.Namespace) -> int:
    """The same, of any platform."""
    engine = platform.keeper.engine
    slot = next((each for each in every_slot(engine.registry) if each.key == args.key), None)
    if slot is None:
        raise _unknown(engine, args.key)
    life = slot.lives[-1] if slot.lives else None
    kind = engine.kinds.get(life.spec.kind) if life is not None else None
    text = kind.logs(life, args.lines) if life is not None and kind is not None else ""
    if args.json:
        as_json({"key": args.key, "gen": life.gen if life else 0, "lines": text.splitlines()})
    else:
        print(text or f"{args.key} wrote nothing that is still there")
    return 0


def destroy(args: argparse.Namespace) -> int:
    """End resources and delete their logs here; asks. With --stack, the stack of all of them."""
    if args.stack:
        return _destroy_stack(args)
    if args.resources or args.data:
        raise ConfigurationError(
            "--resources and --data are about the whole stack", step="destroy", hint="add --stack"
        )
    if not args.yes:
        if not sys.stdin.isatty():
            raise ConfigurationError(
                "destroy asks, and nobody can answer here", step="destroy", hint="say --yes"
            )
        what = "End it and delete its logs?" if resolve().name == "local" else f"End it? {STAY}."
        if input(f"{what} [y/N] ").strip().lower() not in ("y", "yes"):
            print("nothing was done")
            return 1
    code = stop(args)
    platform = resolve()
    for key in (
        [args.key] if args.key else [x.key for x in every_slot(platform.keeper.engine.registry)]
    ):
        if not forget(platform, key) and not args.json:
            print(f"{key}: {STAY}")
    return code


def _destroy_stack(args: argparse.Namespace) -> int:
    if args.key or args.all:
        raise ConfigurationError(
            "--stack removes the stack itself, and takes neither a KEY nor --all",
            step="destroy",
            hint="end one model: llmanager destroy KEY; the stack: llmanager destroy --stack",
        )
    from llmanager_sdk.cli.deploy import destroy as destroy_stack

    return destroy_stack(args)


def _chosen(engine: Engine, args: argparse.Namespace) -> list[Slot]:
    if not args.key and not args.all:
        running = "; ".join(f"llmanager {args.command} {slot.key}" for slot in _live(engine))
        typed = f"{running or 'nothing is running'}; or say --all"
        raise ConfigurationError("which one?", step=args.command, hint=typed)
    live = _live(engine)
    if args.all:
        return live
    chosen = [x for x in every_slot(engine.registry) if x.key == args.key]
    if not chosen:
        raise _unknown(engine, args.key)
    return [x for x in chosen if x in live]


def _live(engine: Engine) -> list[Slot]:
    return [x for x in every_slot(engine.registry) if any(life.phase != "gone" for life in x.lives)]


def _unknown(engine: Engine, key: str) -> ConfigurationError:
    known = ", ".join(slot.key for slot in every_slot(engine.registry)) or "none yet"
    return ConfigurationError(f"there is no resource called {key!r}", hint=f"known are: {known}")


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at else ""


__all__: list[Any] = ["destroy", "logs", "status", "statuses", "stop", "warm"]
