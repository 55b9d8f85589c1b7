"""Random inventories whose signals say nothing, swept by the very function that the Lambda calls.

Each holds lives that nobody wants any more, so that only AWS's answers stand between them and
deletion; one life with sound answers, which must go, so that a reaper that does nothing is no
answer; and what belongs to others: without a tag of ours, of another namespace, without a row.
"""

from __future__ import annotations

import contextlib
import io
import math
import sys
from random import Random
from typing import Any, NamedTuple

from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from llmanager_sdk.aws.reaper import SWITCH, sweep_and_tell
from llmanager_sdk.core.life import Life, Phase, Spec
from tests.infra.tiny import Tiny, date, refusal, told

HOUR = 3600.0
PHASES: tuple[Phase, ...] = ("creating", "ready", "failed", "deleting", "gone")


def _silence() -> tuple[Exception, ...]:
    url = "https://cloudwatch.invalid"
    return (
        EndpointConnectionError(endpoint_url=url),
        ConnectTimeoutError(endpoint_url=url),
        ReadTimeoutError(endpoint_url=url),
        refusal("ThrottlingException", "Rate exceeded"),
        refusal("AccessDeniedException", "not authorized to perform"),
        refusal("InternalFailure", "an internal error", 500),
        refusal("ServiceUnavailable", "come back later", 503),
    )


def metrics(now: float) -> list[Any]:
    """What CloudWatch may say that says nothing; errors are raised."""
    past, future = date(now - HOUR), date(now + 2 * HOUR)
    answers: list[Any] = [
        told([], []),  # not even the probe
        told([past], [math.nan]),
        told([past], [-1.0]),
        told([past], ["3"]),
        told([past], [None]),
        told([past], []),
        told([], [1.0]),
        told(["yesterday"], [1.0]),
        told([None], [0.0]),
        told([future], [1.0]),
        told([past], [1.0], "PartialData"),
        told([past], [1.0], "InternalError"),
        told([past], [1.0], "Forbidden"),
        told([past], [1.0], NextToken="more"),
        {"MetricDataResults": []},
        {"MetricDataResults": None},
        {"Messages": [{"Code": "x"}]},
        {},
        [],
    ]
    return [{"answer": answer} for answer in answers] + list(_silence())


def descriptions() -> list[Any]:
    """What SageMaker may say of an endpoint that says nothing; errors are raised."""
    states = ("", "InServiceSoon", "Unknown", None, 7)
    return [{}, *({"EndpointStatus": state} for state in states), *_silence()]


class Findings(NamedTuple):
    """What all inventories showed.

    Attributes:
        lives: how many lives had unsound signals.
        deleted: how many of those were deleted or condemned. The bound is 0.
        gone: how many lives with sound ones went, of as many as there are inventories.
        strangers: how many resources of others there were.
        touched: how many of those were deleted. The bound is 0.
        switched: in how many the switch was off at first.
        disobeyed: in how many of those anything was deleted, or a heartbeat written. The bound: 0.
    """

    inventories: int
    lives: int
    deleted: int
    gone: int
    strangers: int
    touched: int
    switched: int
    disobeyed: int


def survey(count: int, seed: int = 0) -> Findings:
    """So many random inventories, swept three times each."""
    random = Random(seed)
    total = [0] * 7
    for _ in range(count):
        total = [a + b for a, b in zip(total, _one(random), strict=True)]
    return Findings(count, *total)


def _one(random: Random) -> list[int]:
    tiny = Tiny(namespace=random.choice(("main", "a", "team42")))
    names = [_unsound(tiny, random, n) for n in range(random.randint(1, 8))]
    control = _life(tiny, "control", "ready")
    tiny.put(control)
    strangers = _strangers(tiny, random)
    before, switched = tiny.phases(), random.random() < 0.2
    disobeyed = switched and _disobeyed(tiny)
    for _ in range(3):
        _sweep(tiny)
        tiny.sleep(300.0)
    after = tiny.phases()
    hurt = {key for key, name in names if name in tiny.deleted or before[key] != after[key]}
    gone = control.names["endpoint"] in tiny.deleted and after["control"] == "gone"
    touched = len(strangers & set(tiny.deleted))
    return [
        len(names),
        len(hurt),
        int(gone),
        len(strangers),
        touched,
        int(switched),
        int(disobeyed),
    ]


def _sweep(tiny: Tiny) -> str:
    log = io.StringIO()
    environ = {"LLMANAGER_NAMESPACE": tiny.namespace}
    with contextlib.redirect_stdout(log):
        sweep_and_tell(tiny.client, environ, tiny.now + 260.0, tiny)
    return log.getvalue()


def _disobeyed(tiny: Tiny) -> bool:
    """One sweep with the switch off; it is on again afterwards."""
    pk = f"{tiny.namespace}#reaper"
    switch = {"pk": {"S": pk}, "sk": {"S": SWITCH}, "off_by": {"S": "me"}}
    tiny.items[pk, SWITCH] = switch
    rows = dict(tiny.items)
    log = _sweep(tiny)
    obeyed = not tiny.deleted and tiny.items == rows and "would be done" in log
    tiny.items[pk, SWITCH] = switch | {"off_by": {"S": ""}}
    return not obeyed


def _unsound(tiny: Tiny, random: Random, number: int) -> tuple[str, str]:
    """A life that nobody wants, of which AWS says nothing that could be relied on."""
    key = f"k{number}"
    if random.random() < 0.5:
        life = _life(tiny, key, "ready")
        tiny.put(life)
        tiny.used[life.names["endpoint"]] = random.choice(metrics(tiny.now))
    else:
        life = _life(tiny, key, random.choice(PHASES))
        tiny.put(life)
        tiny.said[life.names["endpoint"]] = random.choice(descriptions())
    return key, life.names["endpoint"]


def _life(tiny: Tiny, key: str, phase: Phase) -> Life:
    name = f"llm-{tiny.namespace}-{key}-1-aa"
    names = dict.fromkeys(("model", "config", "endpoint"), name)
    return Life(
        1,
        Spec("endpoint", key, {}, "d"),
        names,
        phase,
        used_until=tiny.now - HOUR,
        ready_at=tiny.now - 5 * HOUR,
        worker="somebody",
        worker_until=tiny.now - HOUR,
        gone_at=tiny.now - HOUR,
    )


def _strangers(tiny: Tiny, random: Random) -> set[str]:
    """What no row of this namespace knows."""
    forms = ("theirs-{}", "llm-other-{}", f"llm-{tiny.namespace}x-{{}}", "my-llm-main-{}")
    rowless = f"llm-{tiny.namespace}-nobodys-{{}}"
    names = {random.choice((*forms, rowless)).format(n) for n in range(random.randint(0, 8))}
    for name in names:
        tiny.make(name)
    return names


if __name__ == "__main__":
    print(survey(int((sys.argv[1:] or ["2000"])[0])))
