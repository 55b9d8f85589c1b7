"""`llmanager init`: the file it writes is the one that is read, and a person may answer instead."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest

from llmanager_sdk.cli import main
from llmanager_sdk.cli.init import text
from llmanager_sdk.cli.meanings import MEANINGS
from llmanager_sdk.settings import FILE, Settings

ROLE = "arn:aws:iam::123456789012:role/service-role/sagemaker"
EVERY = {
    "platform": "local",
    "namespace": "team7",
    "region": "eu-west-1",
    "profile": "work",
    "assume_role": ROLE,
    "role": ROLE,
    "subnets": "subnet-0a1, subnet-0b2",
    "security_groups": "sg-0c3",
    "kms_key": "alias/mine",
    "cap": "2.5",
    "home": '/tmp/a "b" \\ ü',
    "local_model": "smollm2-135m",
    "offline": "yes",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file is written, without settings in the environment."""
    for name in MEANINGS:
        monkeypatch.delenv(f"LLMANAGER_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def options(values: dict[str, str]) -> list[str]:
    return [x for k, v in values.items() for x in (f"--{k.replace('_', '-')}", v)]


def test_every_setting_has_its_words() -> None:
    assert set(MEANINGS) == {each.name for each in fields(Settings)} == set(EVERY)


def test_what_is_written_is_what_is_read(folder: Path) -> None:
    assert main(["init", *options(EVERY)]) == 0
    read = Settings.load({}, folder)
    assert read.subnets == ("subnet-0a1", "subnet-0b2")
    assert (read.cap, read.offline, str(read.home)) == (2.5, True, EVERY["home"])
    told = {name: getattr(read, name) for name in EVERY}
    assert {k: v for k, v in told.items() if isinstance(v, str)}.items() <= EVERY.items()


def test_what_was_not_said_stands_in_the_file_as_a_comment(folder: Path) -> None:
    assert main(["init"]) == 0
    lines = (folder / FILE).read_text().splitlines()
    assert [x for x in lines if x and not x.startswith("#")] == [
        'platform = "local"',
        'namespace = "main"',
    ]
    assert len([x for x in lines if x.startswith("# cap = ")]) == 1
    assert replace(Settings.load({}, folder), home=Settings().home) == Settings()


def test_the_comments_are_settings_too() -> None:
    written = text(Settings(), set(MEANINGS))
    assert len([line for line in written.splitlines() if " = " in line]) == len(MEANINGS)


def test_a_file_is_not_overwritten_unless_asked_and_the_rest_of_it_is_kept(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--namespace", "one", "--region", "eu-west-1", "--cap", "3"]) == 0
    before = (folder / FILE).read_text()
    assert main(["init", "--namespace", "two"]) == 1
    assert "--force" in capsys.readouterr().err
    assert (folder / FILE).read_text() == before
    assert main(["init", "--namespace", "two", "--cap", "", "--force"]) == 0
    read = Settings.load({}, folder)
    assert (read.namespace, read.region, read.cap) == ("two", "eu-west-1", None)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("platform", "mars", "local, aws"),
        ("namespace", "My-Team", "lower-case"),
        ("namespace", "ninechars", "at most 8"),
        ("region", "europe", "of the form"),
        ("role", "sagemaker", "of the form"),
        ("assume-role", "arn:aws:iam::1:role/x", "of the form"),
        ("subnets", "subnet-1", "belong together"),
        ("security-groups", "sg-1,default", "of the form"),
        ("cap", "-1", "amount"),
        ("cap", "a lot", "amount"),
        ("cap", "nan", "amount"),
        ("offline", "perhaps", "of the form"),
        ("profile", "a\nb", "printed"),
    ],
)
def test_a_bad_value_is_told_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, value: str, told: str
) -> None:
    assert main(["init", f"--{name}", value]) == 1
    assert told in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_as_json_and_what_the_environment_says_instead(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMANAGER_CAP", "9")
    assert main(["init", "--json", "--cap", "3"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["settings"]["cap"], told["stronger"]) == (3.0, ["LLMANAGER_CAP"])
    assert told["in_use"] is None


def test_without_credentials_the_file_is_written_all_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert main(["init", "--platform", "aws", "--region", "eu-west-1"]) == 0
    out = capsys.readouterr().out
    assert "could not be seen: AWS does not know who asks" in out
    assert Settings.load({}, folder).platform == "aws"


def at_a_terminal(folder: Path, answers: str, *words: str) -> tuple[int, str]:
    """Run it with a person's answers; its code, and what the person saw."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "llmanager_sdk.cli", "init", *words],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            text=True,
            env={k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
            | {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "none"}
            | {"AWS_SHARED_CREDENTIALS_FILE": "none"},
        )
        os.write(ours, answers.encode())
        seen, _ = process.communicate(timeout=60)
        return process.returncode, seen
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_person_answers_and_is_asked_again_after_a_mistake(folder: Path) -> None:
    answers = ["aws", "Wrong", "team", "work", "sagemaker", "", "2", "y"]
    words = ["--region", "eu-west-1"]  # what an option says is not asked for
    code, seen = at_a_terminal(folder, "".join(f"{x}\n" for x in answers), *words)
    assert code == 0, seen
    assert "region (" not in seen
    assert "lower-case" in seen
    assert "'sagemaker' is not of the form" in seen
    read = Settings.load({}, folder)
    assert (read.platform, read.namespace, read.profile, read.cap) == ("aws", "team", "work", 2.0)


def test_a_person_says_no(folder: Path) -> None:
    code, seen = at_a_terminal(folder, "\n\nn\n")
    assert (code, list(folder.iterdir())) == (1, [])
    assert "nothing was written" in seen
