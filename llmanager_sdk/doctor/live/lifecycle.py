"""Probes of a SageMaker endpoint, from its model to what is left after its deletion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmanager_sdk.aws import requests
from llmanager_sdk.aws.answers import missing, said
from llmanager_sdk.aws.bounds import DELETING_S, PROVISION_S
from llmanager_sdk.aws.faults import exists, in_progress
from llmanager_sdk.aws.reapable import PROBE_S
from llmanager_sdk.core import verbs
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import Life
from llmanager_sdk.doctor.live.bench import TIMEOUTS, Bench
from llmanager_sdk.doctor.live.calls import SOON_S, accepted, assumes, judged, refused
from llmanager_sdk.doctor.live.probe import NotTried, Probe, Seen
from llmanager_sdk.errors import LLManagerError

LOGS_S = 180.0
CREATING_S = PROVISION_S + sum(TIMEOUTS.values())
"""As `aws/bounds.py` has it, with the timeouts of the bench."""


def up(bench: Bench) -> Life:
    """The one that most of these probes are about, as it is recorded now."""
    key = f"doctor-{bench.token}-endpoint"
    for slot_key, gen in bench.lives:
        if slot_key == key and (life := bench.engine.registry.read(key).life(gen)) is not None:
            return life
    raise NotTried("its row was not written")


def _describe(bench: Bench, life: Life) -> Any:
    return bench.client("sagemaker").describe_endpoint(EndpointName=life.names["endpoint"])


def _model(bench: Bench) -> Seen:
    life = bench.record("endpoint")
    bench.engine.kinds["endpoint"].create(life, "plan")
    return accepted(bench, lambda: bench.create("model", life), assumes, SOON_S)


def _tags(bench: Bench) -> Seen:
    life, sagemaker = up(bench), bench.client("sagemaker")
    arn = sagemaker.describe_model(ModelName=life.names["model"])["ModelArn"]
    told = sagemaker.list_tags(ResourceArn=arn)["Tags"]
    return Seen(requests.ours(bench.namespace, life, told), f"{len(told)} tags at once")


def _listed(bench: Bench) -> Seen:
    name, kind = up(bench).names["model"], bench.engine.kinds["endpoint"]
    took = bench.wait(lambda: {"model": name} in list(kind.list(bench.namespace)), SOON_S)
    return Seen(took is not None, "never" if took is None else f"after {took:.0f} s")


def _twice(part: str) -> Callable[[Bench], Seen]:
    def look(bench: Bench) -> Seen:
        life = up(bench)
        return judged(refused(lambda: bench.create(part, life)), exists)

    return look


def _accepted(bench: Bench) -> Seen:
    life = up(bench)
    bench.create("config", life)
    return accepted(bench, lambda: bench.create("endpoint", life), missing, SOON_S)


def _at_once(bench: Bench) -> Seen:
    life = up(bench)
    error = refused(lambda: _describe(bench, life))
    if error is not None:
        return Seen(False, f"{said(error).code}: {said(error).message}")
    status = _describe(bench, life)["EndpointStatus"]
    return Seen(status == "Creating", status)


def _undeletable(bench: Bench) -> Seen:
    name = up(bench).names["endpoint"]
    error = refused(lambda: bench.client("sagemaker").delete_endpoint(EndpointName=name))
    return judged(error, in_progress)


def _ready(bench: Bench) -> Seen:
    """With the engine, which polls, probes, and records it as ready."""
    life = up(bench)
    began = bench.clock.time()
    want = bench.want("endpoint")
    steps = bench.engine.ensure(want, deadline=began + CREATING_S, notify=lambda _: bench.check())
    try:
        run(steps, bench.clock)
    except LLManagerError as error:
        return Seen(False, error.message)
    took = bench.clock.time() - life.born_at
    return Seen(took <= CREATING_S, f"InService and answering after {took:.0f} s")


def _metric(bench: Bench) -> Seen:
    life, kind = up(bench), bench.engine.kinds["endpoint"]
    bench.platform.data_plane.probe(life)
    took = bench.wait(lambda: kind.used_outside(life) is not None, PROBE_S, every=15.0)
    if took is None:
        return Seen(False, f"no datapoint after {PROBE_S:.0f} s")
    return Seen(True, f"the first datapoint was seen {took:.0f} s after a call")


def _logs(bench: Bench) -> Seen:
    life, kind = up(bench), bench.engine.kinds["endpoint"]
    took = bench.wait(lambda: bool(kind.logs(life, 10)), LOGS_S)
    return Seen(took is not None, "none" if took is None else f"after {took:.0f} s")


def _deleting(bench: Bench) -> Seen:
    """With the reaper's own steps; then a look of ours until it is not there."""
    life = up(bench)
    run(verbs.stop(bench.engine, life.spec.key, force=True), bench.clock)
    run(bench.engine.settle_all(life.spec.key, life.gen), bench.clock)
    states: list[str] = []

    def gone() -> bool:
        error = refused(lambda: states.append(_describe(bench, life)["EndpointStatus"]))
        if error is not None and not missing(error):
            raise error
        return error is not None

    took = bench.wait(gone, DELETING_S)
    if took is None:
        return Seen(False, f"still {states[-1]} after {DELETING_S:.0f} s")
    bench.paid(life)
    between = " then ".join(dict.fromkeys(states)) or "nothing"
    holds = set(states) <= {"InService", "Deleting"} and "Deleting" in states
    return Seen(holds, f"{between} for {took:.0f} s, then not there")


def _again(bench: Bench) -> Seen:
    """As a request that comes very late would do it."""
    life = up(bench)
    return accepted(bench, lambda: bench.create("endpoint", life), exists, SOON_S)


def _cleared(bench: Bench) -> Seen:
    """With the reaper's own steps, up to the tombstone."""
    life = up(bench)
    most = CREATING_S + DELETING_S
    began = bench.clock.time()
    over = run(verbs.see_off(bench.engine, life.spec.key, most), bench.clock)
    took = bench.clock.time() - began
    if not over:
        return Seen(False, f"still there after {took:.0f} s")
    bench.paid(life)
    left = [part for part, call in _LOOKS.items() if not _gone(bench, life, part, *call)]
    return Seen(
        not left, f"left: {', '.join(left)}" if left else f"nothing left after {took:.0f} s"
    )


_LOOKS = {
    "endpoint": ("describe_endpoint", "EndpointName"),
    "config": ("describe_endpoint_config", "EndpointConfigName"),
    "model": ("describe_model", "ModelName"),
}


def _gone(bench: Bench, life: Life, part: str, operation: str, key: str) -> bool:
    sagemaker = bench.client("sagemaker")
    error = refused(lambda: getattr(sagemaker, operation)(**{key: life.names[part]}))
    return error is not None and missing(error)


BEFORE = (
    Probe(
        "model",
        "CreateModel takes the names, tags and form that llmanager sends",
        "aws/requests.py: model",
        "accepted",
        _model,
        longest=SOON_S,
    ),
    Probe(
        "tags",
        "the tags of what was made are to be read at once, as they were given",
        "aws/requests.py: ours",
        "those of the life",
        _tags,
        needs=("model",),
    ),
    Probe(
        "listed",
        "a list by a part of the name shows what was made",
        "aws/reapable.py: list",
        f"within {SOON_S:.0f} s",
        _listed,
        longest=SOON_S,
        needs=("model",),
    ),
    Probe(
        "model twice",
        "a second model of a name is refused with 'already existing'",
        "aws/faults.py: exists",
        "refused, and understood",
        _twice("model"),
        needs=("model",),
    ),
)
RISE = (
    Probe(
        "endpoint",
        "an endpoint is accepted right after its config, or refused as long as that is not seen",
        "aws/endpoint.py: _not_yet_visible",
        f"accepted within {SOON_S:.0f} s; refused before with 'Could not find'",
        _accepted,
        longest=SOON_S + CREATING_S + DELETING_S,
        paid=True,
        needs=("model",),
    ),
    Probe(
        "described at once",
        "an endpoint that was accepted is seen by the next look",
        "aws/reapable.py: observe",
        "Creating",
        _at_once,
        needs=("endpoint",),
    ),
    Probe(
        "undeletable",
        "what is being created cannot be deleted, and AWS says so",
        "aws/answers.py: in_progress",
        "refused, and understood",
        _undeletable,
        needs=("endpoint",),
    ),
    Probe(
        "endpoint twice",
        "a second endpoint of a name is refused",
        "aws/faults.py: exists",
        "refused, and understood",
        _twice("endpoint"),
        needs=("endpoint",),
    ),
    Probe(
        "in service",
        "a creation is over within what the ceiling is computed with",
        "aws/bounds.py: creating",
        f"within {CREATING_S:.0f} s",
        _ready,
        needs=("endpoint",),
    ),
    Probe(
        "metric",
        "CloudWatch counts a call within the time in which a probe must be visible",
        "aws/reapable.py: used_outside",
        f"within {PROBE_S:.0f} s",
        _metric,
        longest=PROBE_S + SOON_S,
        paid=True,
        needs=("in service",),
    ),
    Probe(
        "logs",
        "what the container writes is in /aws/sagemaker/Endpoints/NAME",
        "aws/endpoint.py: logs",
        f"within {LOGS_S:.0f} s",
        _logs,
        longest=LOGS_S,
        paid=True,
        needs=("in service",),
    ),
)
FALL = (
    Probe(
        "deleted",
        "a deletion is over within what the ceiling is computed with",
        "aws/bounds.py: DELETING_S",
        f"Deleting, and not there within {DELETING_S:.0f} s",
        _deleting,
        needs=("in service",),
    ),
    Probe(
        "name again",
        "the name of an endpoint that is gone may be used again: a late request brings it up",
        "core/life.py: _gone",
        f"accepted within {SOON_S:.0f} s",
        _again,
        longest=SOON_S + CREATING_S + DELETING_S,
        paid=True,
        needs=("deleted",),
    ),
    Probe(
        "cleared",
        "the reaper's steps leave nothing, whatever state it was in",
        "core/sweep.py, aws/reapable.py: delete",
        "no endpoint, no config, no model",
        _cleared,
        needs=("endpoint",),
    ),
)
