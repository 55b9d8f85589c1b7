"""What `llmanager doctor` looks at on aws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmanager_sdk.doctor.account import AccountChecks
from llmanager_sdk.doctor.finding import Check
from llmanager_sdk.doctor.resources import ResourceChecks
from llmanager_sdk.doctor.stack import StackChecks
from llmanager_sdk.doctor.tables import TableChecks
from llmanager_sdk.platforms import resolve

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform


def checks(platform: AwsPlatform | None = None) -> dict[str, Check]:
    """By their names, in an order in which each explains what comes after it."""
    found: AwsPlatform = platform or resolve("aws")  # type: ignore[assignment]
    groups = (AccountChecks, StackChecks, TableChecks, ResourceChecks)
    return {name: check for group in groups for name, check in group(found).checks().items()}
