"""The platform `aws`: SageMaker endpoints and DynamoDB tables in the user's own account.

account     who asks, in which region, and clients for it
answers     what an error of botocore says
faults      from what AWS says to typed errors: one table
models      from a name to the spec of an endpoint; weights asks Hugging Face
plan        what is checked, and shown, before anything that costs money is created
guard       the words of reapers, the kill switch, and the cap on $/h
stack       what the namespace's stack says: role, cap, version
registry    slots in a table; a new life bears the ARN of who asked for it
endpoint    the kind `endpoint`: name, create, finish, why, logs
requests    what is sent to create an endpoint. Pure
reapable    what the one who deletes needs of an endpoint: list, observe, used_outside, delete
reaper      one sweep as a living reaper, and the Lambda that makes it
rowless     what bears our names and no row knows
bounds      how long things take at most: for the ceiling
in_use      who else uses a namespace
data_plane  where calls go, how they are signed (sign), and the probe
history     chat histories in a table; history_import takes over those of LangChain's
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
