"""`llmanager copy history`: between this machine and an account, and from LangChain's tables."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from llmanager_sdk import ChatHistory
from llmanager_sdk.aws.history import DynamoHistory
from llmanager_sdk.cli import main
from llmanager_sdk.cli.copy import Progress
from llmanager_sdk.platforms import make
from llmanager_sdk.ports.history import HistoryStore, Stored
from llmanager_sdk.ports.history_copy import Copied
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.clocks import Turned
from tests.history.test_contract import names, some
from tests.history.test_moving import MESSAGES, foreign, history

pytestmark = pytest.mark.xdist_group("dynamodb")


@pytest.fixture(autouse=True)
def namespace(aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new one, of a process that is in the account."""
    name = "c" + secrets.token_hex(3)
    more = {"LLMANAGER_HOME": str(tmp_path / "home"), "LLMANAGER_NAMESPACE": name}
    for key, value in (aws.environ("user") | more).items():
        monkeypatch.setenv(key, value)
    monkeypatch.chdir(tmp_path)
    return name


def kept(platform: str, namespace: str) -> HistoryStore:
    """A history as the command sees it."""
    loaded = Settings.load()
    return make(
        Settings(platform=platform, namespace=namespace, home=loaded.home, region=loaded.region)
    ).history()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    code = main(["copy", "history", *words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_to_an_account_and_back(
    aws: FakeAws, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ChatHistory("user-1", ttl="1d").add_messages([HumanMessage("hello"), HumanMessage("again")])
    here, there = kept("local", namespace), kept("aws", namespace)
    here.append("user-2", [*some(1, 2), Stored("large", '"' + "ü" * 300_000 + '"')], None)
    here.append("demo", some(1), None)
    for new in (6, 0):
        code, told, _ = run(capsys, "local:", "aws:")
        assert (code, told["sessions"], told["messages"]) == (0, 3, new)
    assert names(there.sessions()) == ["demo", "user-1", "user-2"]
    assert there.sessions("user-1")[0].expires_at == pytest.approx(
        here.sessions("user-1")[0].expires_at, abs=2
    )
    assert [m.text for m in ChatHistory("user-1", platform="aws").messages] == ["hello", "again"]
    tags = aws.table_tags
    assert any(each == {"llmanager": "history"} for each in tags.values())

    there.append("user-2", some("new"), None)
    code, told, _ = run(capsys, "aws:", "local:", "user-2")
    assert (code, told["sessions"], told["messages"]) == (0, 1, 1)
    assert here.read("user-2") == there.read("user-2")
    assert run(capsys, "aws:", "local:other", "user-*")[1]["messages"] == 6
    assert names(kept("local", "other").sessions()) == ["user-1", "user-2"]


def test_an_interrupted_copy_says_how_to_go_on(
    aws: FakeAws, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    here = kept("local", namespace)
    for name in ("a", "b c", "d"):
        here.append(name, some(1, 2), None)
    kept("aws", namespace).append("x", some(1), None)  # so that the table is there
    aws.faults.clear()
    write = "dynamodb:TransactWriteItems"
    aws.faults.add(Fault(write, "denied", skip=2))
    code, _, err = run(capsys, "local:", "aws:")
    assert (code, "Traceback" in err) == (1, False)
    assert "to go on: the same with --after 'b c'" in err
    code, told, _ = run(capsys, "local:", "aws:", "--after", "b c")
    assert (code, told["sessions"], told["messages"]) == (0, 1, 2)
    assert names(kept("aws", namespace).sessions()) == ["a", "b c", "d", "x"]


def test_the_same_place_twice_and_no_place_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for source, target, told in (
        ("local:", "local:", "the same history"),
        ("aws", "local:", "no place of histories"),
        ("local:", "dynamodb:x", "no place of histories"),
        ("mars:", "local:", "no place of histories"),
        ("local:", "aws:Not-One", "lower-case"),
        ("dynamodb:", "local:", "names no table"),
    ):
        code, _, err = run(capsys, source, target)
        assert (code, told in err, "Traceback" in err) == (1, True, False), err
    code, _, err = run(capsys, "dynamodb:x", "local:", "--after", "s")
    assert (code, "no order" in err) == (1, True)


def test_what_is_not_there_is_told(namespace: str, capsys: pytest.CaptureFixture[str]) -> None:
    kept("local", namespace).append("a", some(1), None)
    code, told, _ = run(capsys, "local:", "aws:", "a", "nobody")
    assert (code, told["sessions"], told["missing"]) == (1, 1, ["nobody"])
    assert main(["copy", "history", "local:", "aws:", "nobody"]) == 1
    assert "not there: nobody" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["aws", "local"])
def test_from_a_table_of_langchains(
    aws: FakeAws, namespace: str, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    client = aws.session().client("dynamodb")
    table = f"theirs-{namespace}"
    foreign(
        client,
        table,
        {"SessionId": {"S": "a"}, "History": history(MESSAGES)},
        {"SessionId": {"S": "b"}, "History": history(MESSAGES[:2])},
        {"SessionId": {"S": "odd"}, "History": {"S": "x"}},
        {"SessionId": {"S": "another thing"}},
    )
    for new in (7, 0):
        code, told, _ = run(capsys, f"dynamodb:{table}", f"{place}:")
        assert (code, told["sessions"], told["messages"], told["others"]) == (1, 2, new, 1)
        assert [session for session, _ in told["failed"]] == ["odd"]
    target = kept(place, namespace)
    assert names(target.sessions()) == ["a", "b"]
    assert len(ChatHistory("a", platform=place).messages) == len(MESSAGES)
    assert run(capsys, f"dynamodb:{table}", f"{place}:two", "b")[0] == 0
    assert main(["copy", "history", f"dynamodb:{table}", f"{place}:"]) == 1
    assert "not copied: odd" in capsys.readouterr().out
    code, _, err = run(capsys, "dynamodb:theirs-none", f"{place}:")
    assert (code, "ResourceNotFound" in err, "Traceback" in err) == (1, True, False)


def test_other_keys_of_a_table(
    aws: FakeAws, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    item = {"Id": {"S": "x"}, "User": {"S": "u"}, "Log": history(MESSAGES), "End": {"N": "1e10"}}
    foreign(aws.session().client("dynamodb"), f"theirs-{namespace}", item, key="Id")
    words = ("--key", "User,Id", "--messages", "Log", "--ends", "End")
    code, told, _ = run(capsys, f"dynamodb:theirs-{namespace}", "aws:", *words)
    assert (code, told["sessions"]) == (0, 1)
    assert isinstance(kept("aws", namespace), DynamoHistory)
    [session] = kept("aws", namespace).sessions()
    assert (session.id, session.expires_at) == ("u/x", pytest.approx(1e10))


def test_progress_is_told_once_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Turned()
    progress = Progress(clock)
    for n in range(30):
        clock.now += 0.125
        progress(f"s{n}", Copied(n + 1, 1000 * n))
    assert capsys.readouterr().err.splitlines() == [
        "8 sessions, 7,000 new messages; s7",
        "16 sessions, 15,000 new messages; s15",
        "24 sessions, 23,000 new messages; s23",
    ]
