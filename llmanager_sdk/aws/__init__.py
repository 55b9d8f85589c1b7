"""The platform `aws`: SageMaker endpoints and DynamoDB tables in the user's own account.

account     who asks, in which region, and clients for it
faults      from what AWS says to typed errors: one table
reapable    what the one who deletes needs of an endpoint: list, observe, used_outside, delete
endpoint    the kind `endpoint`: name, create, finish, why, logs
requests    what is sent to create an endpoint. Pure
plan        what is checked, and shown, before anything that costs money is created
guard       the reaper's heartbeat and the cap on $/h
sign        signatures for the data plane
history     chat histories in a table
platform    all of it behind the ports of the faces
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform

__all__ = ["AwsPlatform"]


def __getattr__(name: str) -> Any:
    if name == "AwsPlatform":
        from llmanager_sdk.aws.platform import AwsPlatform

        return AwsPlatform
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
