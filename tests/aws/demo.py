"""`make demo-aws`: the demo's chain with platform="aws", in an emulated account on this machine.

SageMaker's control plane and runtime are played (`llmanager_sdk.testing.aws`); the tokens come
from a real llama.cpp, the vectors from a real encoder, the tables are in a real DynamoDB Local.
What deletes is the Lambda of the deployed stack, which runs in ministack on its schedule. The
account's time runs sixty times as fast as yours: waiting for an hour takes a minute.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmanager_sdk import ChatHistory, ManagedEmbeddings, ManagedLLM, ManagedVectorStore, warm
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.cli.output import table
from llmanager_sdk.cli.resources import statuses
from llmanager_sdk.cli.transcript import told
from llmanager_sdk.rag.chat import DocsChat
from llmanager_sdk.rag.chunks import split
from llmanager_sdk.rag.documents import read_folder
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws, LocalEngine, Rules
from tests.aws.clocks import Fast
from tests.aws.emulated import emulated_account, lines
from tests.servers import dynamodb

ROOT = Path(__file__).resolve().parent.parent.parent
NAMESPACE = "demo"
FUNCTION = f"llmanager-{NAMESPACE}-reaper"
DOCUMENTS = ("README.md", "docs/architecture.md")
QUESTION, PATTERN = "How long does an idle engine stay after its last use?", r"\b15 min"


def step(title: str) -> None:
    print(f"\n== {title}", flush=True)


def running(platform: AwsPlatform) -> int:
    """What `llmanager ls` shows; how many cost money."""
    found = [x for x in statuses(platform.keeper.engine, "aws") if x.phase != "cold"]
    rows = [
        {"NAME": x.key, "STATE": x.phase, "$/H": f"{x.price:.2f}", "GOES": x.leaves} for x in found
    ]
    table(rows, "  nothing is running, nothing costs money")
    return len(found)


def deploy(aws: FakeAws, home: str) -> int:
    """`llmanager deploy`, as a person types it; its exit code."""
    nobodys = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    ours = {"LLMANAGER_NAMESPACE": NAMESPACE, "LLMANAGER_HOME": home}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    words = [sys.executable, "-m", "llmanager_sdk.cli", "deploy", "--yes"]
    environ = {**kept, **nobodys, **ours, **aws.environ()}
    return subprocess.run(words, env=environ, check=False, timeout=300).returncode


@contextmanager
def reaper(aws: FakeAws) -> Iterator[None]:
    """Tells what the deployed Lambda writes into its log, beside everything else."""
    ends, pause, session = threading.Event(), threading.Event(), aws.session()

    def work() -> None:
        told, last = 0, False
        while not last:
            last = ends.wait(1.0)
            pause.wait(1.0 if last else 0.0)  # a sweep's log comes when the sweep has ended
            done = [x for x in lines(session, FUNCTION) if x.startswith('{"event": "done"')]
            for line in done[told:]:
                key, gen, why = json.loads(line)["what"]
                print(f"  [Lambda {FUNCTION}] {key} (life {gen}): {why}", flush=True)
            told = len(done)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join(30)


def until(done: object, most: float) -> bool:
    """Wait for something, so many seconds of this machine at most."""
    assert callable(done)
    ends, pause = time.monotonic() + most, threading.Event()
    while time.monotonic() < ends:
        if done():
            return True
        pause.wait(0.2)
    return False


def main() -> int:
    """From nothing to nothing left; 1 if something is wrong."""
    if lacks := dynamodb.missing():
        print(f"demo-aws needs a DynamoDB Local, and {lacks} is missing here")
        return 1
    clock = Fast(60.0)
    rules = Rules(creating=300.0, deleting=60.0, visible=5.0, metric_delay=60.0)
    account = emulated_account(LocalEngine(), rules=rules, clock=clock)
    with tempfile.TemporaryDirectory() as home, account as aws:
        step("The stack, once for each namespace (llmanager deploy)")
        if deploy(aws, home):
            return 1
        settings = Settings(namespace=NAMESPACE, home=Path(home))
        platform = AwsPlatform(settings, session=aws.session(), clock=clock, show=print)
        wrong = play(platform, aws)
    print(f"\n{'WRONG: ' + '; '.join(wrong) if wrong else 'Done, and nothing is left'}.")
    return 1 if wrong else 0


def play(platform: AwsPlatform, aws: FakeAws) -> list[str]:
    """The scenes; what went wrong."""
    wrong: list[str] = []
    llm = ManagedLLM("qwen3-0.6b", platform=platform, idle_timeout="40m", temperature=0)
    embeddings = ManagedEmbeddings("minilm", platform=platform, idle_timeout="40m")
    with reaper(aws):
        step("The first use: the plan, then two endpoints at once")
        for status in warm(llm, embeddings):
            print(f"  {status}")
        step("Read the documents; their vectors come from the endpoint, the store is local")
        store = ManagedVectorStore("handbook", embeddings, platform="local")
        passages = split([x for name in DOCUMENTS for x in read_folder(ROOT / name)])
        store.add_documents(passages)
        print(f"  {store.count()} passages")
        history = ChatHistory("demo", platform=platform)
        chat = DocsChat(llm, store, history)
        wrong += ask(chat)
        print(f"  {len(history.messages)} messages are in DynamoDB")
        step("What costs money now (llmanager ls)")
        running(platform)
        step("Nobody asks anything for an hour")
        if not until(lambda: not aws.sagemaker.billed(), 120):
            wrong.append("something that nobody uses was not deleted")
        until(lambda: not alive(platform), 30)
        running(platform)
        step("The same question again: what is missing comes back, with its data")
        wrong += ask(chat)
        messages = len(history.messages)
        print(f"  {messages} messages are in DynamoDB")
        if messages != 4:
            wrong.append(f"{messages} messages instead of 4")
        step("Stop the model at once (llmanager stop)")
        llm.resource.stop()
        running(platform)
        step("Nobody asks any more: the Lambda deletes what is left, to the last part")
        if not until(lambda: not left(aws) and buried(platform), 120):
            wrong.append(f"{', '.join(left(aws))} was not deleted")
    running(platform)
    return wrong


def left(aws: FakeAws) -> list[str]:
    """Everything there is in SageMaker."""
    it = aws.sagemaker
    it.billed()
    return [*it.endpoints, *it.configs, *it.models]


def buried(platform: AwsPlatform) -> bool:
    slots = platform.keeper.engine.registry.scan("").slots
    return all(life.phase == "gone" for slot in slots for life in slot.lives)


def alive(platform: AwsPlatform) -> bool:
    return any(x.phase != "cold" for x in statuses(platform.keeper.engine, "aws"))


def ask(chat: DocsChat) -> list[str]:
    step("A question")
    print(f"  Q: {QUESTION}\n  A: ", end="", flush=True)
    answer = told(chat.ask(QUESTION)).answer
    return [] if re.search(PATTERN, answer) else [f"the answer was {answer!r}"]


if __name__ == "__main__":
    sys.exit(main())
