"""How long things take at most on SageMaker: what the ceiling of a namespace is computed with.

None of it is promised by AWS. Each figure names what it rests on; `docs/facts.md` lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from llmanager_sdk.aws.guard import Beat
from llmanager_sdk.aws.reapable import TIMING
from llmanager_sdk.aws.reaper import LAMBDA, SWEEP_S
from llmanager_sdk.ceiling import Assumed
from llmanager_sdk.core.life import Life

PROVISION_S = 1800.0
"""Until the instances of a new endpoint are there, or are given up.

Not verified: inferred from the most that a pool may be told to wait by default.
"""
DOWNLOAD_S, HEALTH_S = 3600.0, 3600.0
"""The most that SageMaker takes for the two timeouts of a container (botocore's service model)."""
DELETING_S = 1800.0
"""A deletion; botocore's own waiter gives up after so long (30 s x 60)."""


def creating(life: Life) -> float:
    """Creating lasts until the container answers or its timeouts are over.

    Not verified: that the two timeouts follow each other, and that nothing else is waited for.
    """
    body = life.spec.body
    told = float(body.get("download_timeout_s") or DOWNLOAD_S)
    return PROVISION_S + told + float(body.get("health_timeout_s") or HEALTH_S)


def updating(life: Life) -> float:
    """An endpoint that scales is Updating while an instance comes up, and undeletable."""
    body = life.spec.body
    scales = int(body.get("max_instances") or 1) > int(body.get("instances") or 1)
    return creating(life) if scales else 0.0


def assumed(living: Iterable[Beat], now: float) -> Mapping[str, Assumed]:
    """By kind, for the reapers that live."""
    return {"endpoint": Assumed(TIMING, creating, DELETING_S, updating, sweep=between(living, now))}


def between(living: Iterable[Beat], now: float) -> float:
    """Seconds between two sweeps: of the Lambda, else of whoever sweeps most often.

    A heartbeat is good for three sweeps and is renewed by each, so that half of what is left of it
    is no less than one sweep.
    """
    beats = list(living)
    if any(beat.source == LAMBDA for beat in beats) or not beats:
        return SWEEP_S
    return min(max(SWEEP_S, (beat.expires - now) / 2) for beat in beats)
