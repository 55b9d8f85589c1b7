"""Probes that cost nothing: what the control planes say, and in which words."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from llmanager_sdk.aws.answers import missing
from llmanager_sdk.aws.prices import hosting
from llmanager_sdk.aws.reapable import TIMING, prefix
from llmanager_sdk.catalog import data
from llmanager_sdk.doctor.live.bench import INSTANCE, Bench
from llmanager_sdk.doctor.live.probe import NotTried, Probe, Seen

CENT = 0.005
"""Prices that differ by less than this, $/h, are the same."""


def _time(bench: Bench) -> Seen:
    before = bench.clock.time()
    told = bench.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    if "date" not in told:
        return Seen(False, "no Date")
    off = (before + bench.clock.time()) / 2 - parsedate_to_datetime(told["date"]).timestamp()
    return Seen(abs(off) <= TIMING.margin / 2, f"this clock is {off:+.0f} s from AWS's")


def _quotas(bench: Bench) -> Seen:
    found = {name: value for name, value in quotas(bench).items() if name == INSTANCE}
    return Seen(bool(found), f"{found or 'no quota of that name'}")


def quotas(bench: Bench) -> dict[str, float]:
    """By instance type."""
    found: dict[str, float] = {}
    pages = bench.client("service-quotas").get_paginator("list_service_quotas")
    for page in pages.paginate(ServiceCode="sagemaker"):
        for each in page["Quotas"]:
            name, ends, _ = each["QuotaName"].partition(" for endpoint usage")
            if ends:
                found[name] = float(each["Value"])
    return found


def _price(bench: Bench) -> Seen:
    """The product whose component is hosting; both spellings are in use."""
    region = bench.platform.account.region
    ours = data.price(INSTANCE, region)
    if ours is None:
        raise NotTried(f"no price of {INSTANCE} is known for {region}")
    found = hosting(bench.platform.account, INSTANCE)
    told = ", ".join(f"{each:g}" for each in sorted(found)) or "nothing"
    same = any(abs(each - ours) < CENT for each in found)
    return Seen(same and len(found) == 1, f"{told} $/h")


def _missing(bench: Bench) -> Seen:
    """Every look at what is not there."""
    sagemaker, name = bench.client("sagemaker"), f"{prefix(bench.namespace)}nobody-{bench.token}"
    calls = {
        "describe_endpoint": "EndpointName",
        "describe_endpoint_config": "EndpointConfigName",
        "describe_model": "ModelName",
        "delete_endpoint": "EndpointName",
    }
    wrong, texts = [], set()
    for operation, key in calls.items():
        try:
            getattr(sagemaker, operation)(**{key: name})
            wrong.append(f"{operation}: accepted")
        except Exception as error:
            texts.add(str(error).rpartition(": ")[2][:80])
            if not missing(error):
                wrong.append(f"{operation}: {error}")
    return Seen(not wrong, "; ".join(wrong) or " / ".join(sorted(texts)))


PROBES = (
    Probe(
        "time",
        "every answer bears the server's Date",
        "doctor/account.py: clock",
        "within 60 s of this machine's clock",
        _time,
    ),
    Probe(
        "quota names",
        "Service Quotas lists '<instance type> for endpoint usage'",
        "aws/plan.py: _quotas",
        f"one for {INSTANCE}",
        _quotas,
    ),
    Probe(
        "price",
        f"hosting on {INSTANCE} costs what the catalog says",
        "catalog/instances.json",
        f"{data.instances()[INSTANCE].price} $/h in us-east-1, and no other price",
        _price,
    ),
    Probe(
        "missing",
        "what is not there is refused with 'Could not find', as a ValidationException",
        "aws/answers.py: missing",
        "each of four calls is understood as missing",
        _missing,
    ),
)
