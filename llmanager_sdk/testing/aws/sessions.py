"""Sessions of boto3 that talk to a fake account, whatever the environment says."""

from __future__ import annotations

from functools import cache
from typing import Any

import botocore.session


class _Session(botocore.session.Session):  # type: ignore[misc]
    """Every client of it sends its calls to one place."""

    url = ""

    def create_client(self, service_name: str, *args: Any, **how: Any) -> Any:
        how["endpoint_url"] = how.get("endpoint_url") or self.url
        return super().create_client(service_name, *args, **how)


def session_for(url: str, region: str, key: str) -> Any:
    """A boto3 session; every client of it sends its calls to `url`, signed with an access key."""
    import boto3

    inner = _Session()
    inner.url = url
    inner.register_component("data_loader", _models())
    inner.set_config_variable("region", region)
    inner.set_credentials(key, "fake")
    return boto3.Session(botocore_session=inner, region_name=region)


@cache
def _models() -> Any:
    """botocore's service models: read once for all sessions, of which a test may make many."""
    import botocore.loaders

    return botocore.loaders.create_loader()
