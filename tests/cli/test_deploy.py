"""`llmanager deploy`, `diff` and `destroy --stack`, as a user types them."""

from __future__ import annotations

import json
import os
import pty
import re
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llmanager_sdk.testing.aws import FakeAws, Rules
from tests.registry.conftest import dynamodb_url

__all__ = ["dynamodb_url"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def aws(dynamodb_url: str) -> Iterator[FakeAws]:
    rules = Rules(change_set=0.1, stack_step=0.02, stack_lag=0.05)
    with FakeAws(dynamodb=dynamodb_url, rules=rules) as made:
        yield made


@pytest.fixture
def namespace() -> str:
    return "t" + secrets.token_hex(3)


@pytest.fixture
def run(aws: FakeAws, namespace: str, tmp_path: Path) -> Run:
    def call(*words: str, typed: str | None = None) -> tuple[int, str, str]:
        """Exit code, output, errors.

        Args:
            typed: on a terminal; without it there is none.
        """
        environ = {"LLMANAGER_NAMESPACE": namespace, "LLMANAGER_HOME": str(tmp_path)}
        person, terminal = pty.openpty()
        if typed is not None:
            os.write(person, f"{typed}\n".encode())
        done = subprocess.run(
            [sys.executable, "-m", "llmanager_sdk.cli", *words],
            stdin=terminal if typed is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=os.environ | environ | aws.environ(),
            timeout=120,
        )
        os.close(person)
        os.close(terminal)
        return done.returncode, done.stdout, done.stderr

    return call


def test_from_deploy_to_destroy(run: Run, aws: FakeAws, namespace: str) -> None:
    code, out, err = run("diff", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert told["stacks"][0]["name"] == f"llmanager-{namespace}"
    assert {x["action"] for x in told["stacks"][0]["changes"]} == {"Add"}
    assert told["floor_total"] > 0
    assert "While no model runs, it costs:" in err
    code, out, err = run("deploy")
    assert (code, "--yes" in err, "Traceback" in err) == (1, True, False)
    code, out, err = run("deploy", "--cap", "3", typed="n")
    assert (code, "Nothing was deployed." in out) == (1, True), err
    code, out, err = run("deploy", "--cap", "3", typed="y")
    assert code == 0, out + err
    assert "Done." in out
    assert re.search(r"SageMakerRoleArn +arn:aws:iam::", out)
    assert aws.cloudformation.stacks[f"llmanager-{namespace}"].outputs["Cap"] == "3"
    code, out, err = run("deploy", "--json")
    assert code == 0, err
    assert json.loads(out)["changed"] is False
    code, out, err = run("destroy", "--stack")
    assert (code, "--yes" in err) == (1, True)
    code, out, err = run("destroy", "--stack", "--yes")
    assert (code, "Done.\nleft: the table" in out) == (0, True), err
    code, out, err = run("destroy", "--stack", "--data", "delete", "--yes", "--json")
    told = json.loads(out)
    assert (code, len(told["done"]), told["left"]) == (0, 1, []), err
    code, out, err = run("destroy", "--stack", "--json")
    assert (code, json.loads(out)) == (0, {"agreed": True, "done": [], "left": []}), err


def test_lost_data_are_agreed_to_by_name(run: Run, aws: FakeAws, namespace: str) -> None:
    history = (
        "from llmanager_sdk import ChatHistory; "
        "ChatHistory('s', platform='aws').add_user_message('hello')"
    )
    environ = {"LLMANAGER_NAMESPACE": namespace} | aws.environ()
    subprocess.run([sys.executable, "-c", history], env=os.environ | environ, check=True)
    words = ("destroy", "--stack", "--data", "delete")
    code, out, err = run("destroy", "--stack", typed="y")
    assert (code, "--data keep|delete" in err) == (1, True)
    code, out, err = run(*words, typed="yes")
    assert (code, "Nothing was done." in out) == (1, True), err
    code, out, err = run(*words, typed=namespace)
    assert (code, "deleted the table" in out) == (0, True), err


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (("destroy", "some-key", "--stack"), "llmanager destroy KEY"),
        (("destroy", "some-key", "--data", "keep"), "--stack"),
        (("deploy", "--cap", "lots"), "--cap 5"),
        (("deploy", "--alarms", "--yes"), "--topic"),
    ],
)
def test_what_makes_no_sense_is_said(run: Run, words: tuple[str, ...], cure: str) -> None:
    code, _, err = run(*words)
    assert (code, cure in err, "Traceback" in err) == (1, True, False), err
