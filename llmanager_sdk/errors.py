"""Every error this library raises; nothing raw from a lower layer reaches a user.

    LLManagerError
    |-- ConfigurationError (ValueError)     an argument or a setting is wrong; nothing was started
    |   |-- UnknownModel                    no such name, or its weights cannot be had here
    |   |-- UnsupportedInput                the model cannot take an image, audio, ...
    |   |-- InvalidFilter                   a metadata filter that is not in the documented form
    |   |-- InvalidVector                   empty, of the wrong length, NaN or infinite
    |   `-- CredentialsMissing              AWS does not know who asks
    |-- ResourceError                       the lifecycle of a model endpoint, collection, index
    |   |-- ResourceWarming                 on_cold="raise": it is being created; try again later
    |   |-- WaitTimeout (TimeoutError)      it was not ready within wait_timeout
    |   |-- StartFailed                     it could not be created, and why
    |   |-- SpecChanged                     another spec lives under this deployment name
    |   |-- LeaseLost                       a call was ended before its resource may be deleted
    |   |-- NotRunning                      the verb needs a live resource, and there is none
    |   |-- NotAllowed                      no living reaper, no room under the cap, or no price
    |   |-- PermissionMissing               AWS says no: the action, and the statement to add
    |   |-- QuotaExceeded                   a quota of the account, with its code
    |   |-- CapacityUnavailable             no instance of the types that were tried is free
    |   |-- NameTaken                       something that is not ours bears the name
    |   |-- StackFailed                     CloudFormation could not make, change or delete a stack
    |   `-- CloudUnavailable                throttled, down or out of reach, after retries
    |-- CallError                           the data plane; its subclasses, which are LangChain's
    |   |                                   Model...Error too, are in llmanager_sdk.wire.errors
    |   `-- StreamBroken                    an answer was cut off after it had begun
    |-- StoreError                          datasets, histories, caches on disk or in a cloud
    |   |-- StoreNotWritable                read-only, full, or on a file system it must not be on
    |   |-- StoreCorrupt                    a file does not hold what it must
    |   `-- EmbeddingMismatch               the store was made with another embedding model
    `-- RegistryError                       the registry of slots
        |-- RegistryUnavailable             it cannot be reached, read or written
        |   `-- RegistryUnknownCaller       CredentialsMissing too: AWS does not know who asks
        `-- NewerSchema                     a newer version of this library wrote the slot

The names of the subclasses of `CallError` are listed where they are defined, because they need
langchain-core, which this module must not import.
"""

from __future__ import annotations


class LLManagerError(Exception):
    """What was attempted, on what, in which step, and what to do next.

    Args:
        message: what was attempted and what went wrong, in one sentence.
        resource: the slot key, store, session or file it happened to.
        step: the phase of the work, such as "load" or "commit".
        hint: what the reader can do next.
        request_id: the id that the cloud gave the failed request.
    """

    def __init__(
        self,
        message: str,
        *,
        resource: str = "",
        step: str = "",
        hint: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.resource = resource
        self.step = step
        self.hint = hint
        self.request_id = request_id

    def __str__(self) -> str:
        where = ", ".join(
            f"{label} {value}"
            for label, value in (
                ("resource", self.resource),
                ("step", self.step),
                ("request", self.request_id),
            )
            if value
        )
        text = f"{self.message} [{where}]" if where else self.message
        return f"{text}\n  Next: {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles by attributes: errors cross process pools, and constructors differ."""
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(
    cls: type[LLManagerError], args: tuple[object, ...], state: dict[str, object]
) -> LLManagerError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(LLManagerError, ValueError):
    """An argument or a setting is wrong. Nothing was started."""


class UnknownModel(ConfigurationError):
    """No model of this name can be had here; the message lists those that can."""


class UnsupportedInput(ConfigurationError):
    """The model cannot take this kind of input. Nothing was started."""


class InvalidFilter(ConfigurationError):
    """A metadata filter that is not in the documented form."""


class InvalidVector(ConfigurationError):
    """A vector that is empty, of the wrong length, or holds NaN or infinity."""


class CredentialsMissing(ConfigurationError):
    """There are no AWS credentials, or they are wrong or have run out."""


class ResourceError(LLManagerError):
    """Something about the lifecycle of a resource."""


class ResourceWarming(ResourceError):
    """The resource is being created, and the caller chose not to wait.

    Attributes:
        estimate_s: seconds until it should be ready, or None when nothing is known yet.
    """

    def __init__(
        self, message: str, *, estimate_s: float | None = None, resource: str = ""
    ) -> None:
        super().__init__(
            message,
            resource=resource,
            hint="try again later, or wait with on_cold='wait', or with its .resource.warm()",
        )
        self.estimate_s = estimate_s


class WaitTimeout(ResourceError, TimeoutError):
    """The resource was not ready within `wait_timeout`. Its creation goes on."""


class StartFailed(ResourceError):
    """The resource could not be created.

    Attributes:
        retry_after_s: seconds until the next attempt is allowed, 0 when it is allowed now.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float = 0.0,
        resource: str = "",
        step: str = "create",
        hint: str = "",
    ) -> None:
        super().__init__(message, resource=resource, step=step, hint=hint)
        self.retry_after_s = retry_after_s


class SpecChanged(ResourceError):
    """Another spec lives under this deployment name."""


class LeaseLost(ResourceError):
    """A call was ended by us, because its resource may be deleted from now on."""


class NotRunning(ResourceError):
    """The verb needs a live resource, and there is none."""


class NotAllowed(ResourceError):
    """Nothing that costs money is started like this: no reaper, no room under the cap, no price."""


class PermissionMissing(ResourceError):
    """AWS does not allow an action.

    Attributes:
        statement: what to add to a policy, as JSON; empty where AWS did not say enough.
    """

    statement: str = ""


class QuotaExceeded(ResourceError):
    """A quota of the account is too small.

    Attributes:
        quota: its name; empty where AWS did not say it.
        code: its code in Service Quotas, such as "L-5F1BF9C7"; empty where it is not known.
    """

    quota: str = ""
    code: str = ""


class CapacityUnavailable(ResourceError):
    """AWS has no free instance of the types that were tried."""


class NameTaken(ResourceError):
    """Something that is not ours bears the name."""


class StackFailed(ResourceError):
    """CloudFormation could not make, change or delete a stack; the message says which parts, why.

    Attributes:
        reasons: one for each resource that failed, the first cause first.
    """

    reasons: tuple[str, ...] = ()


class CloudUnavailable(ResourceError):
    """The cloud throttles, is down, or cannot be reached; trying again may help."""


class CallError(LLManagerError):
    """A call to a model that is up went wrong."""


class StreamBroken(CallError):
    """An answer was cut off after it had begun; what came before is not the whole answer."""


class StoreError(LLManagerError):
    """Something about a dataset, a history or a cache."""


class StoreNotWritable(StoreError):
    """The store cannot be written: read-only, full, or on an unsafe file system."""


class StoreCorrupt(StoreError):
    """A file does not hold what it must."""


class EmbeddingMismatch(StoreError):
    """The store's vectors were made by another embedding model."""


class RegistryError(LLManagerError):
    """Something about the registry of slots."""


class RegistryUnavailable(RegistryError):
    """The registry cannot be reached, read or written."""


class RegistryUnknownCaller(RegistryUnavailable, CredentialsMissing):
    """The registry does not know who asks; what runs goes on until its known deadline."""


class NewerSchema(RegistryError):
    """A newer version of this library wrote the slot; this one leaves it alone."""
