"""A process that adds documents is killed at random moments; readers look on meanwhile."""

from __future__ import annotations

import random
import select
import subprocess
import sys
from dataclasses import dataclass

from llmanager_sdk import ManagedVectorStore
from tests.cheap import Cheap

COUNT = 10_000
COMMIT = 1000
_ADD = f"""
import sys
from llmanager_sdk import ManagedVectorStore
from tests.cheap import Cheap
texts = [f"text {{i}}" for i in range({COUNT})]
ids = [f"id-{{i}}" for i in range({COUNT})] if sys.argv[2] == "given" else None
store = ManagedVectorStore(sys.argv[1], Cheap())
print("begun", flush=True)
store.add_texts(texts, [{{"n": i}} for i in range({COUNT})], ids=ids)
print("done", flush=True)
"""


@dataclass(frozen=True)
class Seen:
    """What was seen.

    Attributes:
        kills: how often the process was killed before it was done.
        torn: how often a reader saw a part of a commit.
        documents, distinct: in the end, after the same call ran through.
    """

    kills: int
    torn: int
    documents: int
    distinct: int


def crash_and_add_again(name: str, ids: str, kills: int, dice: random.Random) -> Seen:
    """Kill the adding process that often, then let it run through.

    Args:
        ids: "given", or "derived" from the content.
    """
    killed, torn = 0, 0
    store = ManagedVectorStore(name, Cheap())
    for attempt in range(kills + 1):
        words = [sys.executable, "-c", _ADD, name, ids]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        if attempt < kills:
            select.select([process.stdout], [], [], dice.uniform(0.0, 1.2))
            torn += store.count() % COMMIT != 0
            killed += process.poll() is None
            process.kill()
            torn += store.count() % COMMIT != 0
        process.wait()
    hits = store._data().get([f"id-{i}" for i in range(COUNT)]) if ids == "given" else None
    distinct = len({hit.text for hit in hits}) if hits is not None else store.count()
    return Seen(killed, torn, store.count(), distinct)
