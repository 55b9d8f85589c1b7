"""Who asks, in which region, and clients for it. Made on first use; making one does no I/O."""

from __future__ import annotations

import copy
import getpass
import math
import re
import socket
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from llmanager_sdk.aws.faults import translate
from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.forks import forget_after_fork

CONNECT_S, READ_S, TRIES = 5.0, 15.0, 3
"""Of every control-plane request; with the pauses between them, about `REQUEST_S` at most."""
REQUEST_S = 75.0
"""The longest that a request may take until its last try has had its effect."""


class Identity(NamedTuple):
    """Who asks."""

    account: str
    arn: str


class Account:
    """One AWS account and region, as this process reaches it.

    Args:
        session: of boto3, used as it is; its credentials renew themselves if they can.
        profile: of the shared configuration; not beside a session.
        region: instead of the session's own.
        role_arn: assumed with those credentials, and again before it runs out.
        clock: this process's time.
    """

    def __init__(
        self,
        session: Any = None,
        *,
        profile: str | None = None,
        region: str | None = None,
        role_arn: str | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        if session is not None and profile is not None:
            raise ConfigurationError("give a session or a profile, not both")
        self._given = session
        self._profile = profile
        self._region = region
        self._role = role_arn
        self._clock = clock
        self._identity: Identity | None = None
        self._session: Any
        self._clients: dict[str, Any]
        self._forget()
        forget_after_fork(self)

    @property
    def session(self) -> Any:
        """The boto3 session."""
        with self._lock:
            if self._session is None:
                self._session = self._make_session()
            return self._session

    def _make_session(self) -> Any:
        try:
            import boto3
        except ImportError as error:
            raise ConfigurationError(
                "the platform 'aws' needs boto3", hint="pip install 'llmanager-sdk[aws]'"
            ) from error
        try:
            base = self._given or boto3.Session(
                profile_name=self._profile, region_name=self._region
            )
            return _assumed(base, self._role, self._region, self._clock) if self._role else base
        except Exception as error:
            raise translate(error, step="open a session") from error

    @property
    def region(self) -> str:
        """Where everything is.

        Raises:
            ConfigurationError: none is set.
        """
        region = self._region or self.session.region_name
        if not region:
            raise ConfigurationError(
                "no AWS region is set",
                hint="set AWS_REGION or AWS_DEFAULT_REGION, region in llmanager.toml, or in the "
                "AWS profile",
            )
        return str(region)

    def client(self, service: str, *, region: str | None = None, **more: Any) -> Any:
        """A client of boto3; one per service, safe for threads.

        Args:
            region: where the service is, if not in the account's own.
            more: settings of botocore, instead of the usual ones.
        """
        with self._lock:
            client = self._clients.get(service)
            if client is None:
                try:
                    client = self.session.client(
                        service, region_name=region or self.region, config=_config(more)
                    )
                except ConfigurationError:
                    raise
                except Exception as error:
                    raise translate(error, step=f"make a client for {service}") from error
                self._clients[service] = client
            return client

    def identity(self) -> Identity:
        """Who asks, as AWS says; asked once.

        Raises:
            CredentialsMissing, CloudUnavailable.
        """
        with self._lock:
            if self._identity is None:
                try:
                    told = self.client("sts").get_caller_identity()
                except Exception as error:
                    raise translate(error, step="ask who we are") from error
                self._identity = Identity(told["Account"], told["Arn"])
            return self._identity

    def credentials(self) -> Any:
        """Frozen credentials that are good now; renewed ones if the old ran out."""
        try:
            found = self.session.get_credentials()
            frozen = found.get_frozen_credentials() if found is not None else None
        except Exception as error:
            raise translate(error, step="get credentials") from error
        if frozen is None:
            from botocore.exceptions import NoCredentialsError

            raise translate(NoCredentialsError(), step="get credentials")
        return frozen

    def credentials_last(self) -> float:
        """For how many seconds the credentials of this moment are good; infinite for a user's keys.

        botocore tells it nowhere else; where it tells nothing, they are taken to last.
        """
        ends = getattr(self.session.get_credentials(), "_expiry_time", None)
        return max(0.0, ends.timestamp() - self._clock.time()) if ends is not None else math.inf

    def _forget(self) -> None:
        """After a fork connections and locks are the parent's: two processes at one connection read
        each other's answers."""
        self._lock = threading.RLock()
        self._session = None
        self._clients = {}


def _config(more: Mapping[str, Any]) -> Any:
    from botocore.config import Config

    usual = {
        "connect_timeout": CONNECT_S,
        "read_timeout": READ_S,
        "retries": {"mode": "standard", "total_max_attempts": TRIES},
        "user_agent_appid": "llmanager-sdk",
    }
    return Config(**{**usual, **more})


def _assumed(base: Any, role_arn: str, region: str | None, clock: Clock) -> Any:
    """The same session with the credentials of a role, which is assumed anew before they run out.

    A copy, so that what the session was told of proxies, certificates and endpoints holds on.
    """
    from botocore.credentials import DeferredRefreshableCredentials

    def assume() -> dict[str, str]:
        told = base.client("sts", region_name=region, config=_config({})).assume_role(
            RoleArn=role_arn, RoleSessionName=_session_name()
        )["Credentials"]
        return {
            "access_key": told["AccessKeyId"],
            "secret_key": told["SecretAccessKey"],
            "token": told["SessionToken"],
            "expiry_time": told["Expiration"].isoformat(),
        }

    made = copy.copy(base)
    made._session = copy.copy(base._session)
    made._session._credentials = DeferredRefreshableCredentials(
        refresh_using=assume,
        method="assume-role",
        time_fetcher=lambda: datetime.fromtimestamp(clock.time(), UTC),
    )
    return made


def _session_name() -> str:
    """Who took the role on, for those who read the account's trail, or a creator's ARN."""
    try:
        who = getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container without such a user
        who = "unknown"
    return re.sub(r"[^\w+=,.@-]", "-", f"llmanager-{who}@{socket.gethostname()}")[:64]


class Lazy:
    """A client that is made at its first use.

    Args:
        make: makes it.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)
