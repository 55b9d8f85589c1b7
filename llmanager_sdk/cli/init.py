"""`llmanager init`: writes `llmanager.toml`, the one place of all settings, and tells who else
uses the namespace."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from llmanager_sdk.cli.meanings import MEANINGS
from llmanager_sdk.cli.output import as_json, facts, table
from llmanager_sdk.errors import ConfigurationError, LLManagerError
from llmanager_sdk.platforms import make
from llmanager_sdk.settings import FILE, Settings, stored

if TYPE_CHECKING:
    from llmanager_sdk.aws.in_use import InUse

ASKED = ("platform", "namespace")
ASKED_ON_AWS = ("region", "profile", "role", "cap")
"""What a person at a terminal is asked; all else is an option."""
_ROLE = r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"
FORMS = {
    "region": r"[a-z]{2,4}(-[a-z]+)+-\d+",
    "assume_role": _ROLE,
    "role": _ROLE,
    "subnets": r"subnet-[0-9a-f]+",
    "security_groups": r"sg-[0-9a-f]+",
    "offline": "True|False|yes|no|true|false|0|1",
}
"""How AWS writes them (botocore's service models), and what is a yes or a no."""


def init(args: argparse.Namespace) -> int:
    """Write the settings that were given, and keep what an earlier file says of the others."""
    path = Path.cwd() / FILE
    before = _before(path, args.force)
    given = {name: value for name in MEANINGS if (value := getattr(args, name)) is not None}
    for name, value in given.items():
        check(name, value)
    asks = sys.stdin.isatty() and not (args.yes or args.json)
    if asks:
        given |= _ask(before, given)
    kept = {name: value for name, value in {**before, **given}.items() if value != ""}
    settings = Settings.of(kept)
    aws = settings.platform == "aws"
    found, note = _look(settings) if aws else (None, "")
    if aws and not args.json:
        _tell(found, note, settings.namespace)
    if asks and not _yes(f"Write {path.name}?"):
        print("nothing was written")
        return 1
    _write(path, text(settings, set(kept)))
    environ = [f"LLMANAGER_{name.upper()}" for name in MEANINGS]
    stronger = [name for name in environ if os.environ.get(name)]
    if args.json:
        told = {
            "file": str(path),
            "settings": {name: getattr(settings, name) for name in MEANINGS},
            "stronger": stronger,
            "in_use": found.as_dict() if found else None,
            "not_seen": note,
        }
        as_json(told)
        return 0
    print(f"{path.name} is written: platform {settings.platform}, namespace {settings.namespace}")
    if stronger:
        print(f"set in the environment, which goes before the file: {', '.join(stronger)}")
    if aws:
        print("next: `llmanager deploy`, or `llmanager reap --watch`; then use a model")
    return 0


def _before(path: Path, force: bool) -> dict[str, object]:
    if path.exists() and not force:
        raise ConfigurationError(
            f"{path.name} is here already",
            resource=str(path),
            step="init",
            hint="--force writes it anew, and keeps what is not given again",
        )
    return stored(path)


# -- values ----------------------------------------------------------------------------------------


def check(name: str, value: object) -> None:
    """Refuse a value that cannot be meant.

    Raises:
        ConfigurationError: with the form that it must have.
    """
    text = str(value)
    if not text.isprintable():
        raise ConfigurationError(f"{name} holds what cannot be printed", step="init")
    parts = text.split(",") if name in ("subnets", "security_groups") else [text]
    form = FORMS.get(name)
    for part in (each.strip() for each in parts):
        if part and form and not re.fullmatch(form, part):
            raise ConfigurationError(
                f"{name} {part!r} is not of the form that AWS gives it ({form})",
                step="init",
                hint=f"{name}: {MEANINGS[name][1]}",
            )
    if text and name not in ("subnets", "security_groups"):  # these two only make sense together
        Settings.of({name: value})


def _ask(before: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """What a person says for what no option has said; Enter keeps what there is."""
    told: dict[str, object] = {}
    defaults = Settings()
    for name in (*ASKED, *ASKED_ON_AWS):
        now = {**before, **given, **told}
        if name in given or (name in ASKED_ON_AWS and now.get("platform") != "aws"):
            continue
        usual = now.get(name) or getattr(defaults, name) or ""
        while True:
            answer = _line(f"{name} ({MEANINGS[name][1]}){f' [{usual}]' if usual else ''}: ")
            try:
                check(name, answer)
            except ConfigurationError as error:
                print(error, file=sys.stderr)
                continue
            break
        if answer:
            told[name] = answer
    return told


def _line(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line.strip()


def _yes(question: str) -> bool:
    return _line(f"{question} [Y/n] ").lower() in ("", "y", "yes")


# -- the file --------------------------------------------------------------------------------------


def text(settings: Settings, told: set[str]) -> str:
    """The file: what was told, and the others as comments."""
    lines = [
        "# The settings of llmanager for what is started in this folder.",
        "# LLMANAGER_ and a name in capitals, in the environment, goes before them.",
    ]
    for name, (_, meaning) in MEANINGS.items():
        line = f"{name} = {_toml(getattr(settings, name))}"
        lines += ["", f"# {meaning}", line if name in told or name in ASKED else f"# {line}"]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "5.0"  # what holds where nothing is said
        case float():
            return repr(value)
        case tuple():
            return json.dumps(value)
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def _write(path: Path, content: str) -> None:
    """All of it or nothing."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(content)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise ConfigurationError(
            f"{path.name} cannot be written: {error}", resource=str(path), step="init"
        ) from error


# -- who else --------------------------------------------------------------------------------------


def _look(settings: Settings) -> tuple[InUse | None, str]:
    """What the account says, and why it says nothing."""
    try:
        platform = make(settings)
        from llmanager_sdk.aws.in_use import in_use
        from llmanager_sdk.aws.platform import AwsPlatform

        assert isinstance(platform, AwsPlatform)
        return in_use(platform), ""
    except LLManagerError as error:
        return None, error.message


def _tell(found: InUse | None, note: str, namespace: str) -> None:
    if found is None:
        print(f"who else uses the namespace {namespace} could not be seen: {note}")
        return
    off = f"turned off ({found.off_by})" if found.off_by else "none lives"
    rate = sum(each.price for each in found.lives)
    facts(
        {
            "account": f"{found.account}, {found.region}",
            "you": found.arn,
            "namespace": f"{namespace}, at most {rate:.2f} $/h of {found.cap:.2f} $/h",
            "reapers": ", ".join(beat.source for beat in found.reapers) or off,
        }
    )
    rows = [
        {
            "NAME": each.key,
            "STATE": each.phase,
            "$/H": f"{each.price:.2f}",
            "CREATOR": "you" if each.creator == found.arn else each.creator or "not known",
        }
        for each in found.lives
    ]
    table(rows, f"nothing lives in the namespace {namespace}")
