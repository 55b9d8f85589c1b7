"""What the doctor finds in an account, and what its fixes say."""

from __future__ import annotations

from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.cli.doctor_aws import checks
from llmanager_sdk.doctor.finding import Finding, examine, mend


def looked(platform: AwsPlatform) -> dict[str, Finding]:
    return {each.name: each.finding for each in examine(checks(platform))}


def mended(platform: AwsPlatform, *names: str) -> list[str]:
    """Carry out every fix of these checks; what was said."""
    said: list[str] = []
    results = [x for x in examine(checks(platform)) if x.name in names]
    assert mend(results, lambda title: True, said.append)
    return said
