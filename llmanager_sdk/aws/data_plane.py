"""SageMaker's runtime: where calls go, how they are signed, and the probe."""

from __future__ import annotations

import json
from functools import cached_property, partial
from typing import Any

from llmanager_sdk.aws import requests
from llmanager_sdk.aws.account import Account
from llmanager_sdk.aws.sign import TOKEN_MOST_S, bearer_token, signer
from llmanager_sdk.core.life import Life
from llmanager_sdk.errors import CloudUnavailable, StartFailed
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import NotReached, Refused, Timeouts, TooSlow
from llmanager_sdk.ports.models import JSON, OWN_WIRE, Access, Endpoint

LONGEST_S = 570.0
"""After this long a call is ended by us: `TIMING.max_call` less what a last look may take."""
WHOLE, STREAMED = "/invocations", "/invocations-response-stream"
IN_PARTS = ("openai", OWN_WIRE)
"""Wires whose answers may come in parts; those of embeddings come at once."""
PROBE_S = Timeouts(connect=5.0, read=65.0)
"""The service itself gives a container 60 s."""


def container_status(refused: Refused) -> int:
    """What the container itself answered; 0 where SageMaker did not get as far."""
    try:
        return int(json.loads(refused.body)["OriginalStatusCode"])
    except (ValueError, KeyError, TypeError):
        return 0


class DataPlane:
    """Calls to endpoints, past boto3: urllib3 and aiohttp carry them, botocore signs them.

    Args:
        account: whose credentials sign.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    @cached_property
    def _base(self) -> str:
        url: str = self._account.client("sagemaker-runtime").meta.endpoint_url
        return url.rstrip("/")

    @cached_property
    def _sign(self) -> Any:
        return signer(self._account.credentials, self._account.region)

    def url(self, name: str) -> str:
        """Of an endpoint of that name."""
        return f"{self._base}/endpoints/{name}"

    def endpoint(self, life: Life) -> Endpoint:
        """Of a ready life."""
        return self.named(life.names["endpoint"], life.spec.body.get("wire", "openai"), life.gen)

    def named(self, name: str, wire: str, gen: int = 0) -> Endpoint:
        """Of an endpoint that exists.

        Args:
            wire: how its container talks.
        """
        streamed = wire in IN_PARTS
        return Endpoint(
            self.url(name),
            gen=gen,
            keep_alive=True,
            path=STREAMED if streamed else WHOLE,
            framed=streamed,
            whole=WHOLE,
            sign=self._sign,
            longest=LONGEST_S,
            lend=partial(self._lend, name),
        )

    def probe(self, life: Life) -> None:
        """One small call.

        A container of the user's own, of which nothing is known, may refuse it: then it answers,
        and that is all that can be asked of it.

        Raises:
            CloudUnavailable: it does not answer yet.
            StartFailed: it answers, and refuses what every engine of its kind takes.
        """
        name, body = life.names["endpoint"], requests.probe(life.spec.body)
        url = self.url(name) + WHOLE
        try:
            sync.request("POST", url, body, self._sign(url, body, JSON), PROBE_S)
        except Refused as refused:
            text = refused.body[:500].decode(errors="replace")
            if 400 <= container_status(refused) < 500:
                if not requests.must_pass(life.spec.body):
                    return
                raise StartFailed(
                    f"the container refuses the first call: {text}",
                    resource=name,
                    step="probe",
                    hint="check that the image serves this model as a chat or embedding model",
                ) from refused
            raise CloudUnavailable(f"it does not answer yet: {text}", resource=name) from refused
        except (NotReached, TooSlow) as fault:
            raise CloudUnavailable(f"it does not answer yet: {fault}", resource=name) from fault

    def _lend(self, name: str, seconds: float) -> Access:
        """SageMaker's OpenAI path of an endpoint, and a token for it (see docs/facts.md).

        A token is good for 12 hours at most, and not longer than the credentials that signed it.
        """
        secret = self._account.credentials()
        granted = int(min(seconds, TOKEN_MOST_S, self._account.credentials_last()))
        token = bearer_token(secret, self._account.region, granted)
        return Access(f"{self.url(name)}/openai/v1", token, granted)
