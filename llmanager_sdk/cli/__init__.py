"""The command `llmanager`. Each command is a module beside this one, imported when it is run."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, str]] = {
    "ls": ("spending", "what exists now, what it costs, and when it goes"),
    "ceiling": ("ceiling", "the most that can be spent if everything crashes now, added up"),
    "status": ("resources", "everything about one resource, or about all"),
    "warm": ("resources", "bring a model up, and wait for it"),
    "stop": ("resources", "end a resource; data stay, and the next use brings it back"),
    "destroy": (
        "resources",
        "end a resource and delete its logs here; with --stack, the whole stack",
    ),
    "logs": ("resources", "what a resource wrote last"),
    "reap": ("reap", "delete what nobody uses any more, now"),
    "deploy": ("deploy", "set up in your AWS account what deletes idle resources, or update it"),
    "diff": ("deploy", "what deploy would change, and what it would cost"),
    "init": ("init", "write llmanager.toml, the settings of this folder"),
    "copy": ("copy", "copy chat histories between platforms, or from a table of LangChain's"),
    "setup": ("setup", "get the default weights, once"),
    "chat": ("chat", "chat with a model, or with a folder of documents"),
    "demo": ("demo", "a chat with documents, from nothing to nothing left"),
    "models": ("setup", "which models can be had here"),
    "doctor": ("doctor", "whether everything that is needed is here, and what to do if not"),
}


def parser() -> argparse.ArgumentParser:
    """The parser of all commands. Light: it imports none of them."""
    top = argparse.ArgumentParser(
        prog="llmanager",
        description="Models, vectors and chat history that create and remove themselves.",
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    made = {}
    for name, (_, summary) in COMMANDS.items():
        made[name] = commands.add_parser(name, help=summary, description=summary)
        made[name].add_argument("--json", action="store_true", help="print JSON")
    for name in ("stop", "destroy"):
        made[name].add_argument("key", nargs="?", help="which one, as `llmanager ls` names it")
        made[name].add_argument("--all", action="store_true", help="every one of this namespace")
        made[name].add_argument(
            "--force", action="store_true", help="do not wait for open calls: they break"
        )
    made["destroy"].add_argument("--yes", action="store_true", help="do not ask")
    made["status"].add_argument("key", nargs="?", help="which one, as `llmanager ls` names it")
    made["logs"].add_argument("key", help="which one, as `llmanager ls` names it")
    made["logs"].add_argument("--lines", type=int, default=50, help="so many, 50 by default")
    made["reap"].add_argument("--dry-run", action="store_true", help="only say what would go")
    made["reap"].add_argument(
        "--watch", action="store_true", help="go on for ever; on aws, this is a living reaper"
    )
    made["reap"].add_argument(
        "--every", default="5m", metavar="TIME", help="between two sweeps of --watch"
    )
    turn = made["reap"].add_mutually_exclusive_group()
    turn.add_argument(
        "--off", nargs="?", const="-", metavar="WHY", help="from now on no reaper deletes anything"
    )
    turn.add_argument("--on", action="store_true", help="the reapers delete again")
    made["doctor"].add_argument("--fix", action="store_true", help="mend it, asking for each fix")
    made["doctor"].add_argument("--yes", action="store_true", help="do not ask")
    made["doctor"].add_argument(
        "--live", action="store_true", help="on aws: try what nobody has verified, for money"
    )
    made["doctor"].add_argument("--limit", metavar="$", help="the most that --live may cost")
    made["doctor"].add_argument("--only", metavar="NAMES", help="these probes of --live")
    made["doctor"].add_argument(
        "--report", metavar="FOLDER", default=".", help="where --live writes its report"
    )
    _deploying(made)
    _settling(made["init"])
    _copying(made["copy"])
    _chatting(made)
    return top


def _deploying(made: dict[str, argparse.ArgumentParser]) -> None:
    """The stack on aws, whatever LLMANAGER_PLATFORM says."""
    for name in ("deploy", "diff"):
        add = made[name].add_argument
        add("--cap", metavar="$/H", help="the most that all models may cost together; 5 at first")
        add("--topic", metavar="ARN", help="an SNS topic that hears of deletions and alarms")
        add("--kms-key", metavar="ARN", help="a key of your own, for logs, queue and volumes")
        add("--subnets", metavar="IDS", help="of a VPC for the Lambda, with commas")
        add("--security-groups", metavar="IDS", help="with the subnets")
        add("--alarms", action="store_true", help="the second stack too: alarms, a dashboard")
    made["deploy"].add_argument("--yes", action="store_true", help="do not ask")
    made["deploy"].add_argument(
        "--force", action="store_true", help="put this version in the place of a newer one"
    )
    add = made["destroy"].add_argument
    add("--stack", action="store_true", help="remove the namespace's stack; without a KEY")
    add("--resources", choices=["stop"], help="with --stack: end all models first, and wait")
    add(
        "--data",
        choices=["keep", "delete"],
        help="with --stack: what becomes of chat histories and the registry",
    )


def _settling(made: argparse.ArgumentParser) -> None:
    from llmanager_sdk.cli.meanings import MEANINGS

    for name, (value, meaning) in MEANINGS.items():
        made.add_argument(f"--{name.replace('_', '-')}", metavar=value, help=meaning)
    made.add_argument("--force", action="store_true", help="write a file anew that is there")
    made.add_argument("--yes", action="store_true", help="do not ask")


def _copying(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add("what", choices=["history"], help="what is copied")
    add("source", metavar="FROM", help="local:, aws:, with a namespace behind it; dynamodb:TABLE")
    add("target", metavar="TO", help="local:, aws:, with a namespace behind it")
    one = "ids, or beginnings with *; all for none"
    add("session", nargs="*", default=[], metavar="SESSION", help=one)
    add("--after", default="", metavar="SESSION", help="go on behind this one")
    add("--key", default="SessionId", metavar="NAMES", help="of a table: what names a session")
    add("--messages", default="History", metavar="NAME", help="of a table: the messages")
    add("--ends", default="expireAt", metavar="NAME", help="of a table: when a session ends")


def _chatting(made: dict[str, argparse.ArgumentParser]) -> None:
    for name in ("warm", "chat", "demo"):
        made[name].add_argument("--model", help="a name of `llmanager models`, or a GGUF file")
        made[name].add_argument("--idle-timeout", default=None, help="such as 90s or 30m")
    made["warm"].add_argument("--deployment", help="the name under which callers share it")
    made["warm"].add_argument("--wait", action="store_true", help="wait for it (it always does)")
    made["warm"].add_argument("--force", action="store_true", help="try again after a failure")
    made["warm"].add_argument(
        "--replace",
        choices=("beside", "recreate"),
        help="put it in the place of what lives under --deployment now",
    )
    made["chat"].add_argument("--docs", metavar="FOLDER", help="answer from these documents")
    made["chat"].add_argument("--session", help="go on with this chat history")
    made["chat"].add_argument("question", nargs="*", help="ask this one question, then end")
    made["demo"].add_argument("--docs", metavar="FOLDER", help="other documents to ask about")
    made["demo"].add_argument("--question", help="one question of your own, instead of the five")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: its words; those of the process by default.

    Returns:
        0 for success, 1 for an error that was told, 130 after Ctrl-C.
    """
    args = parser().parse_args(argv)
    module = importlib.import_module(f"llmanager_sdk.cli.{COMMANDS[args.command][0]}")
    from llmanager_sdk.errors import LLManagerError

    try:
        code = getattr(module, args.command)(args)
        sys.stdout.flush()
        return int(code or 0)
    except LLManagerError as error:
        print(f"llmanager {args.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        notes = getattr(stop, "__notes__", [])
        print("\n".join(["", *notes]), file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        return _unwritten(args.command, full=error.errno == errno.ENOSPC)


def _unwritten(command: str, *, full: bool) -> int:
    """The output has no room, or nobody reads it any more; what is left of it is dropped."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if full:
        print(
            f"llmanager {command}: there is no room for what it writes\n"
            "  Next: free some space on that disk, or send the output elsewhere",
            file=sys.stderr,
        )
    return 1
