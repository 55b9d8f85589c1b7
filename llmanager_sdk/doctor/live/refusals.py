"""Probes of what AWS refuses in words that must be understood: new roles, quotas of 0."""

from __future__ import annotations

import json
from typing import Any

from llmanager_sdk.aws.answers import missing, said
from llmanager_sdk.aws.bounds import DELETING_S
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.catalog import data
from llmanager_sdk.doctor.live.bench import Bench
from llmanager_sdk.doctor.live.calls import SOON_S, accepted, assumes, refused
from llmanager_sdk.doctor.live.control import quotas
from llmanager_sdk.doctor.live.lifecycle import CREATING_S
from llmanager_sdk.doctor.live.probe import NotTried, Probe, Seen
from llmanager_sdk.errors import QuotaExceeded

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def _new_role(bench: Bench) -> Seen:
    """Take a role on right after it was made."""
    iam, name = bench.client("iam"), f"llmanager-{bench.namespace}-doctor-{bench.token}"
    bench.later(f"delete the role {name}", lambda: _delete_role(iam, name))
    try:
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    except Exception as error:
        if said(error).code.startswith("AccessDenied"):
            raise NotTried("this caller may not make roles (iam:CreateRole)") from error
        raise
    life = bench.record("role", role=made["Role"]["Arn"])
    return accepted(bench, lambda: bench.create("model", life), assumes, SOON_S)


def _delete_role(iam: Any, name: str) -> None:
    error = refused(lambda: iam.delete_role(RoleName=name))
    if error is not None and not missing(error):
        raise error


def _quota(bench: Bench) -> Seen:
    """An endpoint on the cheapest type that this account may not use."""
    region = bench.platform.account.region
    none = [name for name, value in quotas(bench).items() if value == 0]
    priced = [(price, name) for name in none if (price := data.price(name, region)) is not None]
    if not priced:
        raise NotTried("no instance type with a known price has a quota of 0")
    price, kind = min(priced)
    if bench.spent() + price * (CREATING_S + DELETING_S) / 3600 > bench.limit:
        raise NotTried(f"if {kind} were accepted, it could cost more than the limit")
    life = bench.record("quota", instance_types=[kind], price=price)
    bench.create("model", life)
    bench.create("config", life)
    error = refused(lambda: accepted(bench, lambda: bench.create("endpoint", life), missing, 60.0))
    if error is None:
        return Seen(False, f"{kind} was accepted, with a quota of 0")
    typed = translate(error)
    named = isinstance(typed, QuotaExceeded) and kind in typed.quota
    return Seen(named, f"{said(error).code}: {said(error).message}")


PROBES = (
    Probe(
        "new role",
        "a role that was made a moment ago can be taken on within a minute",
        "aws/answers.py: new_role",
        f"accepted within {SOON_S:.0f} s; refused before with 'Could not assume role'",
        _new_role,
        longest=SOON_S,
    ),
    Probe(
        "quota refusal",
        "a creation beyond a quota is refused at once, and the refusal names the quota",
        "aws/faults.py: _quota",
        "refused, and the quota is understood",
        _quota,
        longest=SOON_S,
        needs=("quota names",),
    ),
)
