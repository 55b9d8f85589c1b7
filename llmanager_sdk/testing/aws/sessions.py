"""Sessions of boto3 that talk to a fake account, whatever the environment says."""

from __future__ import annotations

from functools import cache
from typing import Any


def session_for(url: str, region: str, key: str) -> Any:
    """A boto3 session; every client of it sends its calls to `url`, signed with an access key."""
    import boto3
    import botocore.session

    inner = botocore.session.Session()
    inner.register_component("data_loader", _models())
    inner.set_config_variable("region", region)
    inner.set_credentials(key, "fake")
    session = boto3.Session(botocore_session=inner, region_name=region)
    made = session.client

    def client(service: str, **how: Any) -> Any:
        return made(service, **{"endpoint_url": url, **how})

    session.client = client
    return session


@cache
def _models() -> Any:
    """botocore's service models: read once for all sessions, of which a test may make many."""
    import botocore.loaders

    return botocore.loaders.create_loader()
