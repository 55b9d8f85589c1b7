"""Probes of calls: to nobody, to a container, and with what the container refuses."""

from __future__ import annotations

import json

from llmanager_sdk.aws.data_plane import PROBE_S, WHOLE
from llmanager_sdk.aws.reapable import prefix
from llmanager_sdk.doctor.live.bench import Bench
from llmanager_sdk.doctor.live.lifecycle import up
from llmanager_sdk.doctor.live.probe import Probe, Seen
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import NotReached, Refused
from llmanager_sdk.wire import vectors
from llmanager_sdk.wire.errors import plain

TEXTS = 32
"""So many at once (`catalog/resolve.py`)."""


def call(bench: Bench, name: str, body: bytes) -> bytes | Exception:
    """One call, as llmanager makes it: the answer, or the refusal as llmanager understands it."""
    endpoint = bench.platform.data_plane.named(name, "tei")
    url, headers = endpoint.prepared(body)
    assert url.endswith(WHOLE)
    try:
        return sync.request("POST", url, body, headers, PROBE_S)
    except (Refused, NotReached) as fault:
        return plain(fault)


def _nobody(bench: Bench) -> Seen:
    name = f"{prefix(bench.namespace)}nobody-{bench.token}"
    told = call(bench, name, vectors.request(["x"], "tei", truncate=True))
    if isinstance(told, Refused):
        return Seen(False, f"{told.status}: {told.body[:200].decode(errors='replace')}")
    return Seen(isinstance(told, NotReached), str(told))


def _answered(bench: Bench) -> Seen:
    body = vectors.request([f"text {n}" for n in range(TEXTS)], "tei", truncate=True)
    told = call(bench, up(bench).names["endpoint"], body)
    if isinstance(told, Exception):
        return Seen(False, _said(told))
    rows = json.loads(told)
    good = isinstance(rows, list) and len(rows) == TEXTS
    dimension = len(rows[0]) if good else 0
    return Seen(good and dimension > 0, f"{len(rows)} vectors of {dimension}")


def _refused(bench: Bench) -> Seen:
    told = call(bench, up(bench).names["endpoint"], b'{"inputs": 5}')
    holds = isinstance(told, Refused) and told.status in (400, 413, 422)
    return Seen(holds, _said(told) if isinstance(told, Exception) else "it was answered")


def _said(told: Exception) -> str:
    if isinstance(told, Refused):
        return f"the container says {told.status}: {told.body[:200].decode(errors='replace')}"
    return str(told)


FREE = (
    Probe(
        "not found",
        "a call to an endpoint that is not there is refused in words that say so",
        "wire/errors.py: plain",
        "understood as nobody being there",
        _nobody,
    ),
)
PAID = (
    Probe(
        "answered",
        f"a container of TEI takes {TEXTS} texts in one call, and answers with their vectors",
        "wire/vectors.py: request, Vectors",
        f"{TEXTS} vectors",
        _answered,
        paid=True,
        needs=("in service",),
    ),
    Probe(
        "container's error",
        "what a container refuses comes with its own status and body inside",
        "wire/errors.py: plain",
        "its own 400, 413 or 422",
        _refused,
        paid=True,
        needs=("in service",),
    ),
)
