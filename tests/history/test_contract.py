"""One contract for every history: order, repeats, ends, removal, lists; on real stores."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmanager_sdk.ports.history import HistoryStore, SessionInfo, Stored
from tests.history.conftest import Open

pytestmark = pytest.mark.xdist_group("dynamodb")


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def some(*ids: object) -> list[Stored]:
    return [Stored(str(x), json.dumps({"text": f"body of {x}"})) for x in ids]


def ids(messages: Sequence[Stored]) -> list[str]:
    return [message.id for message in messages]


def names(found: Sequence[SessionInfo]) -> list[str]:
    return [each.id for each in found]


def test_reading_makes_nothing(open_history: Open) -> None:
    store = open_history("main")
    for _ in range(2):
        assert store.read("s") == store.last("s", 3) == []
        assert store.sessions() == []
        store.clear("s")
        assert store.append("s", [], 5.0) == 0


def test_messages_come_back_as_they_were_and_in_order(open_history: Open) -> None:
    store = open_history("main")
    first = [Stored("a/ï#1", '{"ünï": "你好 \\n"}'), Stored("", ""), Stored("x" * 2000, "{}")]
    assert store.append("s", first, None) == 3
    assert store.append("s", some(1), None) == 1
    assert store.read("s") == open_history("main").read("s") == [*first, *some(1)]


def test_namespaces_and_sessions_do_not_see_each_other(open_history: Open) -> None:
    one, two = open_history("one"), open_history("two")
    one.append("s", some(1), None)
    one.append("s#x", some(2), None)
    two.append("s", some(3), None)
    assert [ids(x) for x in (one.read("s"), one.read("s#x"), two.read("s"))] == [
        ["1"],
        ["2"],
        ["3"],
    ]
    two.clear("s")
    assert two.sessions() == two.read("s") == []
    assert names(one.sessions()) == ["s", "s#x"]


def test_a_message_whose_id_is_there_is_not_added_twice(open_history: Open) -> None:
    store = open_history("main")
    assert store.append("s", some(1, 2, 1), None) == 2
    assert store.append("s", some(2, 3, 3), None) == 1
    assert store.append("s", some(1, 2, 3), None) == 0
    assert store.read("s") == some(1, 2, 3)
    assert store.append("other", some(1), None) == 1


def test_last_gives_the_end_in_order(open_history: Open) -> None:
    store = open_history("main")
    store.append("s", some(*range(30)), None)
    assert ids(store.last("s", 3)) == ["27", "28", "29"]
    assert ids(store.last("s", 30)) == ids(store.last("s", 1000)) == [str(i) for i in range(30)]
    assert store.last("s", 0) == store.last("nothing", 5) == []


@pytest.mark.parametrize("count", [49, 50, 120])
def test_many_messages_in_one_append(open_history: Open, count: int) -> None:
    store = open_history("main")
    store.append("s", some("before"), None)
    assert store.append("s", some(*range(count)), None) == count
    assert store.append("s", some(*range(count + 1)), None) == 1
    assert ids(store.read("s")) == ["before", *map(str, range(count + 1))]
    assert store.sessions()[0].messages == count + 2


def test_large_messages(open_history: Open) -> None:
    store = open_history("main")
    large = [
        Stored(str(i), '"' + "ü你x" * (size // 6) + '"')
        for i, size in enumerate((10**6, 6 * 10**6))
    ]
    assert store.append("s", [*some("a"), large[0], *some("b")], None) == 3
    assert store.append("s", [large[1]], None) == 1
    assert store.read("s") == [*some("a"), large[0], *some("b"), large[1]]
    assert store.last("s", 2) == [*some("b"), large[1]]


def test_a_session_ends_after_its_latest_append(open_history: Open) -> None:
    clock = Clock()
    store = open_history("main", clock=clock)
    store.append("s", some(1), 10.0)
    clock.now += 9
    store.append("s", some(2), 10.0)
    ends = store.sessions()[0].expires_at
    assert ends == clock.now + 10
    clock.now += 9
    assert ids(store.read("s")) == ["1", "2"]
    clock.now += 1
    assert store.read("s") == store.last("s", 5) == store.sessions() == []


def test_what_ended_never_comes_back(open_history: Open) -> None:
    clock = Clock()
    store = open_history("main", clock=clock)
    store.append("s", some(1, 2), 10.0)
    clock.now += 10
    began = clock.now
    assert store.append("s", some(2, 3), None) == 2
    assert ids(store.read("s")) == ["2", "3"]
    clock.now += 10**9
    assert ids(store.read("s")) == ["2", "3"]
    assert store.sessions() == [SessionInfo("s", 2, began, began, None)]


def test_an_append_without_an_end_leaves_the_end(open_history: Open) -> None:
    clock = Clock()
    store = open_history("main", clock=clock)
    store.append("s", some(1), None)
    began = clock.now
    clock.now += 1
    store.append("s", some(2), 10.0)
    store.append("s", some(3), None)
    assert store.sessions() == [SessionInfo("s", 3, began, clock.now, clock.now + 10)]
    store.append("s", some(3), 20.0)
    assert store.sessions() == [SessionInfo("s", 3, began, clock.now, clock.now + 20)]
    store.append("s", some(4), 1.0)
    clock.now += 1
    assert store.read("s") == []


def test_a_session_may_be_moved_on_for_years(open_history: Open) -> None:
    clock = Clock()
    store = open_history("main", clock=clock)
    for day in range(40):
        store.append("s", some(day), 86400.0 * 3)
        clock.now += 86400 * 2
    assert ids(store.read("s")) == [str(day) for day in range(40)]


def test_clear_removes_everything_and_may_be_repeated(open_history: Open) -> None:
    store = open_history("main")
    store.append("s", some(*range(60)), 100.0)
    store.append("other", some(1), None)
    for _ in range(2):
        store.clear("s")
        assert store.read("s") == store.last("s", 1) == []
        assert names(store.sessions()) == ["other"]
    assert store.append("s", some(1, 2), None) == 2
    assert ids(store.read("s")) == ["1", "2"]
    assert store.sessions()[1].expires_at is None


def test_sessions_in_pages(open_history: Open) -> None:
    store = open_history("main")
    made = sorted(
        ["a", "a1", "a2", "ab", "b#1", "b", "é", "你", "Z", *(f"m{i:03}" for i in range(120))]
    )
    for name in made:
        store.append(name, some(1), None)
    assert names(store.sessions(limit=1000)) == made
    assert names(store.sessions()) == made[:100]
    assert names(store.sessions("a")) == ["a", "a1", "a2", "ab"]
    assert names(store.sessions("a", after="a1")) == ["a2", "ab"]
    assert names(store.sessions("a", after="a", limit=1)) == ["a1"]
    assert names(store.sessions("b", after="a1")) == ["b", "b#1"]
    assert store.sessions("a", after="b") == store.sessions("nothing") == []
    assert store.sessions(limit=0) == []
    walked: list[str] = []
    while page := names(store.sessions(limit=7, after=walked[-1] if walked else "")):
        walked += page
    assert walked == made


def test_long_ids_are_in_order_too(open_history: Open) -> None:
    store = open_history("main")
    head = "é你😀" * 75
    made = sorted(
        [head, head[:-1], *(f"{head}{x}{'y' * i}" for i in range(3) for x in "#a😀"), "z"]
    )
    for name in reversed(made):
        store.append(name, some(name), None)
    assert [ids(store.read(name)) for name in made] == [[name] for name in made]
    assert names(store.sessions()) == made
    for i, name in enumerate(made):
        assert names(store.sessions(after=name)) == made[i + 1 :]
        assert names(store.sessions(limit=2, after=name)) == made[i + 1 : i + 3]
        assert name in names(store.sessions(name))
    assert names(store.sessions(head)) == [x for x in made if x.startswith(head)]


def disorder(messages: Sequence[Stored]) -> list[str]:
    """Ids `writer:turn:part` that do not stand where their writer put them."""
    wrong, last = [], {}
    for before, message in zip([None, *messages], messages, strict=False):
        writer, turn, part = map(int, message.id.split(":"))
        if part and (before is None or before.id != f"{writer}:{turn}:{part - 1}"):
            wrong.append(message.id)
        if (turn, part) <= last.get(writer, (-1, 0)):
            wrong.append(message.id)
        last[writer] = (turn, part)
    return wrong


def test_writers_in_threads_keep_their_order(open_history: Open) -> None:
    stop = threading.Event()
    torn: list[str] = []

    def write(writer: int) -> int:
        store = open_history("main")
        return sum(
            store.append("s", some(f"{writer}:{turn}:0", f"{writer}:{turn}:1"), None)
            for turn in range(6)
        )

    def watch(store: HistoryStore) -> None:
        seen: list[str] = []
        while not stop.is_set():
            now = ids(store.read("s"))
            if now[: len(seen)] != seen or len(now) % 2:
                torn.extend(now)
            seen = now

    watcher = threading.Thread(target=watch, args=[open_history("main")])
    watcher.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(write, range(8))) == 96
    finally:
        stop.set()
        watcher.join(60)
    found = open_history("main").read("s")
    assert (len(found), disorder(found), torn) == (96, [], [])


def test_clear_beside_writers_loses_nothing_that_comes_later(open_history: Open) -> None:
    """What was there when the last `clear` began is removed; what began after its end is there."""
    store = open_history("main")
    lock = threading.Lock()
    begun: list[str] = []
    added: list[str] = []
    began: list[set[str]] = []
    ended: list[set[str]] = []

    def write(writer: int) -> None:
        for turn in range(10):
            name = f"{writer}:{turn}"
            with lock:
                begun.append(name)
            assert store.append("s", some(name), None) == 1
            with lock:
                added.append(name)

    def remove() -> None:
        for _ in range(6):
            with lock:
                began.append(set(added))
            store.clear("s")
            with lock:
                ended.append(set(begun))

    with ThreadPoolExecutor(5) as pool:
        jobs = [pool.submit(write, writer) for writer in range(4)]
        jobs.append(pool.submit(remove))
        for job in jobs:
            job.result()
    found = ids(store.read("s"))
    assert set(added) - ended[-1] <= set(found) <= set(added) - began[-1]
    assert len(found) == len(set(found))
    assert store.append("s", some("end"), None) == 1
    assert ids(store.read("s")) == [*found, "end"]
