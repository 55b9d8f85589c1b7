"""Arguments that make no sense, files and tables of something else: one error on both histories."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from llmanager_sdk import ChatHistory
from llmanager_sdk.aws.history import DynamoHistory
from llmanager_sdk.errors import (
    ConfigurationError,
    LLManagerError,
    StoreCorrupt,
    StoreError,
)
from llmanager_sdk.local.history import VERSION, SqliteHistory
from tests.history.conftest import Keeping, Open
from tests.history.test_contract import Clock, ids, names, some
from tests.servers import dynamodb

pytestmark = pytest.mark.xdist_group("dynamodb")

HALF = "\ud800"
"""Half a character."""

Case = Callable[[Any], object]


def of(**options: Any) -> Case:
    return lambda platform: ChatHistory("s", platform=platform, **options)


def called(name: str, *given: Any) -> Case:
    return lambda platform: getattr(ChatHistory("s", platform=platform), name)(*given)


def listed(**options: Any) -> Case:
    return lambda platform: ChatHistory.sessions(platform=platform, **options)


REFUSED: list[tuple[str, Case, str]] = [
    ("session of half a character", lambda p: ChatHistory(HALF, platform=p), "cannot be kept"),
    ("removed session", lambda p: ChatHistory.delete_session(HALF, platform=p), "cannot be kept"),
    ("session of nothing", lambda p: ChatHistory.delete_session("", platform=p), "session_id"),
    ("prefix of half a character", listed(prefix=HALF), "cannot be kept"),
    ("after half a character", listed(after=HALF), "cannot be kept"),
    ("negative limit", listed(limit=-1), "limit"),
    ("limit of text", listed(limit="5"), "limit"),
    ("ttl 0", of(ttl=0), "ttl"),
    ("ttl 0s", of(ttl="0s"), "ttl"),
    ("negative ttl", of(ttl=-5), "ttl"),
    ("absurd ttl", of(ttl=1e300), "ttl"),
    ("more than a float", of(ttl=10**400), "ttl"),
    ("infinite ttl", of(ttl=float("inf")), "ttl"),
    ("ttl NaN", of(ttl=float("nan")), "ttl"),
    ("ttl of another type", of(ttl=timedelta(days=1)), "ttl"),
    ("limit of text here", of(limit="5"), "limit"),
    ("limit 0", of(limit=0), "limit"),
    ("limit true", of(limit=True), "limit"),
    ("half a message", called("last", 2.5), "n=2.5"),
    ("fewer than none", called("last", -1), "n=-1"),
    ("a state without messages", called("store", {}), "no messages"),
    ("a state of no messages", called("store", {"messages": "hello"}), "no messages"),
    ("no state", called("store", None), "no messages"),
    ("one message", called("add_messages", HumanMessage("x")), "message 0"),
]


@pytest.mark.parametrize(("case", "told"), [x[1:] for x in REFUSED], ids=[x[0] for x in REFUSED])
def test_refused(platform: Any, case: Case, told: str) -> None:
    platform.kept.append("s", some(1), None)
    with pytest.raises(ConfigurationError, match=told):
        case(platform)
    assert ids(platform.kept.read("s")) == ["1"]


def test_taken(platform: Any) -> None:
    for name in ("a", "a\0b", "a\0", "b"):
        ChatHistory(name, platform=platform).add_user_message("x")
    assert len(ChatHistory("a", platform=platform).last(10**30)) == 1
    assert len(ChatHistory("a", platform=platform, limit=10**30).messages) == 1
    assert names(ChatHistory.sessions(limit=10**30, platform=platform)) == ["a", "a\0", "a\0b", "b"]
    assert names(ChatHistory.sessions("a\0", platform=platform)) == ["a\0", "a\0b"]
    assert names(ChatHistory.sessions("a\0", after="a\0", platform=platform)) == ["a\0b"]
    assert (
        ChatHistory.sessions(limit=0, platform=platform) == platform.kept.sessions(limit=-1) == []
    )


@pytest.mark.parametrize("text", [HALF, f"a{HALF}"])
def test_half_characters_are_refused_by_the_stores_too(open_history: Open, text: str) -> None:
    store = open_history("main")
    store.append("s", some(1), None)
    calls: list[Callable[[], object]] = [
        lambda: store.append(text, some(1), None),
        lambda: store.append("s", [*some(2), *some(text)], None),
        lambda: store.merge("s", [some(2)[0]._replace(body=text)], None),
        lambda: store.read(text),
        lambda: store.last(text, 1),
        lambda: store.clear(text),
        lambda: store.sessions(text),
        lambda: store.sessions(after=text),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError):
            call()
    assert ids(store.read("s")) == ["1"]


# -- the end of a session


def test_an_end_may_be_taken_away(open_history: Open) -> None:
    clock = Clock()
    store = open_history("main", clock=clock)
    platform: Any = Keeping(store)
    ChatHistory("s", platform=platform, ttl=10).add_user_message("1")
    ChatHistory("s", platform=platform).add_user_message("2")
    assert store.sessions()[0].expires_at == clock.now + 10
    ChatHistory("s", platform=platform, ttl="never").add_user_message("3")
    assert store.sessions()[0].expires_at is None
    clock.now += 10**8
    assert len(store.read("s")) == 3
    ChatHistory("s", platform=platform, ttl="1d").add_user_message("4")
    assert store.sessions()[0].expires_at == clock.now + 86400


def test_what_is_merged_never_ends_earlier(open_history: Open) -> None:
    clock = Clock()
    store = open_history("main", clock=clock)
    for old, new, then in (
        (60.0, 30.0, 60.0),
        (60.0, 90.0, 90.0),
        (60.0, None, None),
        (None, 30.0, None),
    ):
        store.append("s", some(1), old)
        assert store.merge("s", some(1, 2), None if new is None else clock.now + new) == 1
        assert store.sessions()[0].expires_at == (None if then is None else clock.now + then)
        store.clear("s")
    store.merge("s", some(1), clock.now + 5)
    assert store.sessions()[0].expires_at == clock.now + 5
    clock.now += 6
    assert store.merge("s", some(2), clock.now + 5) == 1, "what has ended is over"
    assert ids(store.read("s")) == ["2"]


# -- what something else made


def database(path: Path, *statements: str) -> SqliteHistory:
    connection = sqlite3.connect(path)
    for each in statements:
        connection.execute(each)
    connection.close()
    return SqliteHistory(path, "main")


@pytest.mark.parametrize(
    ("statements", "error", "told"),
    [
        (("CREATE TABLE x (a)",), StoreCorrupt, "something else"),
        (("CREATE TABLE x (a)", f"PRAGMA user_version = {VERSION + 1}"), StoreError, "schema"),
    ],
)
def test_a_file_of_another_schema(
    tmp_path: Path, statements: tuple[str, ...], error: type[StoreError], told: str
) -> None:
    path = tmp_path / "history.sqlite"
    check_foreign(database(path, *statements), error, told)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("x",)]
    connection.close()


def test_a_table_with_other_keys(dynamodb_url: str, table: str) -> None:
    client = dynamodb.client(dynamodb_url)
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "SessionId", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "SessionId", "KeyType": "HASH"}],
    )
    history = DynamoHistory(table, "main", client, features=())
    check_foreign(history, StoreError, "LLMANAGER_NAMESPACE")
    described = client.describe_table(TableName=table)["Table"]
    assert not described.get("DeletionProtectionEnabled"), "it is left as it is"


def check_foreign(history: Any, error: type[LLManagerError], told: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: history.append("s", some(1), None),
        lambda: history.read("s"),
        lambda: history.last("s", 1),
        lambda: history.clear("s"),
        history.sessions,
    ]
    for call in calls:
        with pytest.raises(error, match=told):
            call()


def test_a_file_of_the_first_schema_goes_on(tmp_path: Path) -> None:
    """It has no index of ends, and says nothing about its version."""
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path, "main")
    history.append("s", some(1), None)
    database(path, "DROP INDEX sessions_end", "PRAGMA user_version = 0")
    assert ids(history.read("s")) == ["1"]
    history.append("s", some(2), None)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert ids(history.read("s")) == ["1", "2"]
    connection.close()


def test_neither_an_append_nor_a_list_looks_at_all_sessions(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path, "main")
    history.append("s", some(1), None)
    connection = sqlite3.connect(path)
    with connection:
        connection.executemany(
            "INSERT INTO sessions VALUES ('main', ?, 1, 0, 0, 9e9)",
            ((f"u{n:05}",) for n in range(20_000)),
        )
    plans = [
        " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", values))
        for query, values in (
            ("SELECT id FROM sessions WHERE namespace = ? AND expires_at <= ?", ("main", 1)),
            ("SELECT id FROM sessions WHERE namespace = ? AND id >= ? ORDER BY id", ("main", "u")),
        )
    ]
    assert "sessions_end (namespace=? AND expires_at<?)" in plans[0]
    assert "PRIMARY KEY (namespace=? AND id>?)" in plans[1]
    assert "B-TREE" not in " ".join(plans)
    connection.close()
    assert names(history.sessions("u1999", limit=2)) == ["u19990", "u19991"]
    assert history.append("s", some(2), None) == 1


def test_a_home_that_may_not_be_entered(tmp_path: Path) -> None:
    """Seen by a process that is not root."""
    home = tmp_path / "home"
    SqliteHistory(home / "history.sqlite", "main").append("s", some(1), None)
    code = (
        "import encodings.unicode_escape, os, sys\n"
        "from pathlib import Path\n"
        "from llmanager_sdk.errors import StoreError\n"
        "from llmanager_sdk.local.history import SqliteHistory\n"
        "from llmanager_sdk.ports.history import Stored\n"
        "history = SqliteHistory(Path(sys.argv[1]), 'main')\n"
        "os.chmod(Path(sys.argv[1]).parent, 0)\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "for call in (lambda: history.clear('s'), lambda: history.read('s'), history.sessions,\n"
        "             lambda: history.append('s', [Stored('1', '')], None)):\n"
        "    try: call()\n"
        "    except StoreError: print('typed')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(home / "history.sqlite")],
        capture_output=True,
        text=True,
        check=False,
    )
    home.chmod(0o700)
    assert (done.stdout.split(), done.stderr) == (["typed"] * 4, "")
