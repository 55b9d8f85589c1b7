"""Making a DynamoDB table so that many processes may do it at once, and its errors, typed.

The registry and the history of the platform `aws` stand on this. Every table has a hash key `pk`
and a range key `sk`, both text, and is billed by use: one that nobody reads or writes costs its
storage, some bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import (
    CredentialsMissing,
    LLManagerError,
    RegistryError,
    RegistryUnknownCaller,
)

READY_S = 120.0
"""How long a new table, or a feature of it, may take until it can be used."""

Feature = Literal["recovery", "tags"]
FEATURES: tuple[Feature, ...] = ("recovery", "tags")
"""What emulators lack: point-in-time recovery, tags."""

_TTL_ON = ("ENABLED", "ENABLING")


UNKNOWN_CALLER = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException",
    "IncompleteSignature",
    "OptInRequired",
)
NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.SSOError,
)
SIGN_IN = "sign in (`aws sso login`, `aws configure`), or name a profile with AWS_PROFILE"


def code(error: ClientError) -> str:
    """What AWS calls an error, such as "ResourceNotFoundException"."""
    return str(error.response.get("Error", {}).get("Code", ""))


def unknown_caller(error: Exception) -> bool:
    """AWS does not know who asks: no credentials, wrong ones, or they have run out."""
    named = isinstance(error, ClientError) and code(error) in UNKNOWN_CALLER
    return named or isinstance(error, NO_CREDENTIALS)


@contextmanager
def typed(kind: type[LLManagerError], who: str, key: str, step: str) -> Iterator[None]:
    """Turn what botocore raises in the block into a typed error.

    Args:
        kind: the class that is raised.
        who: what refused or cannot be reached, such as "the registry".
        key: the slot, session or table it happened to.
        step: what was being done.

    Raises:
        LLManagerError: of that class.
        CredentialsMissing: AWS does not know who asks.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        text, hint = f"{who} cannot be reached: {error}", "check the network and the region"
        request = ""
        if isinstance(error, ClientError):
            said = error.response.get("Error", {})
            text = f"{who} refused: {code(error)}: {said.get('Message', error)}"
            hint = "if it is throttled or down, try again; if it is denied, ask for the permission"
            request = str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))
        if unknown_caller(error):
            kind = RegistryUnknownCaller if issubclass(kind, RegistryError) else CredentialsMissing
            hint = SIGN_IN
        raise kind(text, resource=key, step=step, request_id=request, hint=hint) from error


class TableMaker:
    """Makes a table, or completes one that is half-made. May be called at any time, by many.

    Args:
        client: of boto3, for "dynamodb".
        table: its name.
        label: the value of its tag `llmanager`.
        ttl: the attribute with the time at which DynamoDB deletes an item; empty for none.
        features: what is ensured beyond deletion protection.
        clock: for waiting until it can be used.
        error: raised when it does not get ready in time.
    """

    def __init__(
        self,
        client: Any,
        table: str,
        label: str,
        features: Sequence[Feature],
        clock: Clock,
        error: type[LLManagerError],
        *,
        ttl: str = "",
    ) -> None:
        self._client = client
        self._table = table
        self._label = label
        self._ttl = ttl
        self._features = features
        self._clock = clock
        self._error = error

    def ensure(self) -> None:
        """Every step may be repeated; what is there already is left as it is.

        Raises:
            LLManagerError: of the class given, when it was not ready after 120 s.
            ClientError, BotoCoreError: what the client says; `typed` turns them.
        """
        self._unless("ResourceInUseException", self._create)
        described = self._wait()
        if not described.get("DeletionProtectionEnabled"):
            # Somebody else may be changing it right now, to the same end.
            self._unless("ResourceInUseException", self._protect)
            described = self._wait()
        if self._ttl:
            self._expire()
        if "recovery" in self._features:
            self._recover()
        if "tags" in self._features:
            tags = [{"Key": "llmanager", "Value": self._label}]
            self._client.tag_resource(ResourceArn=described["TableArn"], Tags=tags)

    def _unless(self, allowed: str, call: Any) -> bool:
        try:
            call()
        except ClientError as error:
            if code(error) != allowed:
                raise
            return False
        return True

    def _create(self) -> None:
        names = (("pk", "HASH"), ("sk", "RANGE"))
        self._client.create_table(
            TableName=self._table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in names],
            KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in names],
            DeletionProtectionEnabled=True,
        )

    def _protect(self) -> None:
        self._client.update_table(TableName=self._table, DeletionProtectionEnabled=True)

    def _wait(self) -> Mapping[str, Any]:
        until = self._clock.time() + READY_S
        while True:
            found: Mapping[str, Any] = {"TableStatus": "not seen yet"}
            try:
                found = self._client.describe_table(TableName=self._table)["Table"]
            except ClientError as error:
                # The description of a table lags behind its creation.
                if code(error) != "ResourceNotFoundException":
                    raise
            if found["TableStatus"] == "ACTIVE":
                return found
            self._pause(until, str(found["TableStatus"]))

    def _pause(self, until: float, status: str) -> None:
        if self._clock.time() > until:
            raise self._error(
                f"the table was not ready after {READY_S:.0f} s ({status})",
                resource=self._table,
                step="ensure the table",
                hint="try again; look at the table in the console if it stays",
            )
        self._clock.sleep(1.0)

    def _recover(self) -> None:
        """Backups of a new table become available some time after the table."""
        until = self._clock.time() + READY_S
        while not self._unless("ContinuousBackupsUnavailableException", self._recovery):
            self._pause(until, "its backups are being enabled")

    def _recovery(self) -> None:
        self._client.update_continuous_backups(
            TableName=self._table,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

    def _expire(self) -> None:
        """Looks before and after: enabling what is enabled is an error of DynamoDB."""
        if self._expires():
            return
        try:
            self._client.update_time_to_live(
                TableName=self._table,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": self._ttl},
            )
        except ClientError as error:
            if code(error) != "ValidationException" or not self._expires():
                raise

    def _expires(self) -> bool:
        found = self._client.describe_time_to_live(TableName=self._table)
        said = found["TimeToLiveDescription"]
        return said["TimeToLiveStatus"] in _TTL_ON and said.get("AttributeName") == self._ttl
