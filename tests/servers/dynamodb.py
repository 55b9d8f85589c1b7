"""A real DynamoDB Local: set up by Maven into a cache, run on a free port, ended with its test."""

from __future__ import annotations

import fcntl
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import CACHE

VERSION = "3.3.1"
START_S = 60.0
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>dynamodb</artifactId>
<version>1</version><packaging>pom</packaging><dependencies><dependency>
<groupId>software.amazon.dynamodb</groupId><artifactId>DynamoDBLocal</artifactId>
<version>{VERSION}</version></dependency></dependencies></project>"""
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def missing() -> str:
    """What this machine lacks for it; empty if nothing."""
    return ", ".join(name for name in ("java", "mvn") if shutil.which(name) is None)


def set_up() -> Path:
    """The folder of its jars."""
    folder = CACHE / "servers" / f"dynamodb-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        if not done.exists():
            (folder / "pom.xml").write_text(_POM)
            words = ["mvn", "-B", "-q", "-f", "pom.xml", _COPY, "-DincludeScope=runtime"]
            subprocess.run([*words, "-DoutputDirectory=lib"], cwd=folder, check=True, timeout=300)
            done.touch()
    return folder / "lib"


@contextmanager
def dynamodb_local() -> Iterator[str]:
    """Its address."""
    library = set_up()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    words += [f"-Djava.library.path={library}", "-cp", f"{library}/*"]
    words += ["software.amazon.dynamodb.services.local.main.ServerRunner"]
    words += ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    # The shell ends the server when this process ends, however that happens.
    guard = 'exec 3<&0; "$@" </dev/null & server=$!; cat <&3 >/dev/null; kill -9 $server'
    process = subprocess.Popen(
        ["sh", "-c", guard, "sh", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=library.parent,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _await(url)
        yield url
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)


def _await(url: str) -> None:
    pause = threading.Event()
    for _ in range(int(START_S / 0.1)):
        try:
            urllib.request.urlopen(url, timeout=2)
        except urllib.error.HTTPError:
            return  # it refuses a request that is none of its own: it is up
        except OSError:
            pause.wait(0.1)
    raise TimeoutError(f"DynamoDB Local did not start within {START_S:.0f} s")


def client(url: str) -> Any:
    """A client of boto3 for it."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"mode": "standard"}, max_pool_connections=40),
    )


if __name__ == "__main__":
    print(set_up(), file=sys.stderr)
