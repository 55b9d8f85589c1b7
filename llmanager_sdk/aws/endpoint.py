"""The kind `endpoint`: a SageMaker real-time endpoint with its config and its model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from llmanager_sdk.aws import requests
from llmanager_sdk.aws.answers import missing, said, transient
from llmanager_sdk.aws.crashes import Line, Watchdog
from llmanager_sdk.aws.faults import exists, translate
from llmanager_sdk.aws.reapable import PARTS, EndpointReaper
from llmanager_sdk.aws.refusals import Refusal, hidden, passes, without
from llmanager_sdk.core.life import Life, Names, Seen, Spec
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.errors import LLManagerError, NameTaken, StartFailed

LOG_GROUP = "/aws/sagemaker/Endpoints/"
LAST_LINES = 12


class EndpointKind(EndpointReaper):
    """Creates endpoints, and knows all that `EndpointReaper` does.

    Args:
        namespace: whose.
        client: makes a client of boto3 for a service.
        clock: this process's time.
        admit: checks, before anything is created, that a life may be, and says which of its
            instance types are to be tried; raises if it may not.
        secrets: environment variables of the container that no spec and no registry holds.
        role: that SageMaker takes on where a spec names none; asked for when a model is created.
        probe: sends one small call to the endpoint of a life; raises if it is not answered well.
        creator: who asks; every part bears it as a tag.
        named: adds to a refusal what AWS leaves out of it.
    """

    parts: Sequence[str] = requests.PARTS

    def __init__(
        self,
        namespace: str,
        client: Any,
        clock: Clock,
        *,
        admit: Callable[[Life], Sequence[str]],
        secrets: Callable[[Life], Mapping[str, str]],
        role: Callable[[], str],
        probe: Callable[[Life], None],
        creator: Callable[[], str] = str,
        named: Callable[[LLManagerError], LLManagerError] = lambda error: error,
    ) -> None:
        super().__init__(namespace, client, clock)
        self._admit = admit
        self._secrets = secrets
        self._role = role
        self._probe = probe
        self._creator = creator
        self._named = named
        self._watchdog = Watchdog(clock, self._read)
        self._refused: dict[str, Refusal] = {}
        self._admitted: dict[str, Sequence[str]] = {}

    def name(self, spec: Spec, gen: int, token: str) -> Mapping[str, str]:
        """One name for the parts of a new life."""
        return requests.names(self.namespace, spec, gen, token)

    # -- creating ------------------------------------------------------------------------------

    def create(self, life: Life, part: str) -> None:
        """Ask for one part, if those before it were accepted. What passes is left to the next look.

        Raises:
            NotAllowed, QuotaExceeded, PermissionMissing, NameTaken, ...: it cannot be had.
        """
        name = life.names["endpoint"]
        if part == "plan":
            if name not in self._admitted:
                self._admitted[name] = self._admit(life)
            return
        refused = self._refused.get(name)
        if refused and self.parts.index(refused.part) < self.parts.index(part):
            return
        try:
            self._ask(life, part)
        except LLManagerError:
            raise
        except Exception as error:
            if not exists(error):
                self._leave(without(error, self._hush(life)), life, part)
                return
            self._check_ours(life, part)
        self._refused.pop(name, None)

    def _leave(self, error: Exception, life: Life, part: str) -> None:
        """Leave it to the next look if it passes."""
        refused_for = self._remember(error, life, part)
        if not passes(error, life, refused_for):
            raise self._named(translate(error, resource=life.spec.key)) from error

    def _remember(self, error: Exception, life: Life, part: str) -> float:
        """Keep it for the day when patience ends; for how many seconds it has been the answer."""
        name, now, why = life.names["endpoint"], self._clock.time(), translate(error).message
        last = self._refused.get(name)
        since = last.since if last and last.why == why else now
        self._refused[name] = Refusal(part, why, since)
        return now - since

    def _hush(self, life: Life) -> Collection[str]:
        """What no text may hold."""
        return [value for value in self._secrets(life).values() if value]

    def _ask(self, life: Life, part: str) -> None:
        sagemaker, space, who = self._client("sagemaker"), self.namespace, self._creator()
        match part:
            case "model":
                secrets = self._secrets(life)
                role = self._role()
                sagemaker.create_model(**requests.model(space, life, secrets, role, who))
            case "config":
                types = self._types(life)
                sagemaker.create_endpoint_config(**requests.config(space, life, who, types))
            case _:
                sagemaker.create_endpoint(**requests.endpoint(space, life, who))

    def _types(self, life: Life) -> Sequence[str]:
        """The instance types that are tried, as the plan has it; without one, those of the spec."""
        return self._admitted.get(life.names["endpoint"]) or life.spec.body["instance_types"]

    def _check_ours(self, life: Life, part: str) -> None:
        """It exists already: ours if its tags say so, else a stranger's, which is left alone."""
        try:
            found = self._call("describe", life, part)
            ours = found is None or self._ours(life, part, found)
        except Exception as error:
            if missing(error) or transient(error):
                return
            raise translate(error, resource=life.spec.key) from error
        if not ours:
            raise _taken(life, part, f"create the {part}")

    def _ours(self, life: Life, part: str, found: Mapping[str, Any]) -> bool:
        """Whether a part that is there bears the tags of its life."""
        arn = found[f"{PARTS[part][1]}Arn"]
        tags = self._client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
        return requests.ours(self.namespace, life, tags)

    def _call(self, verb: str, life: Life, part: str) -> Any:
        """As the reaper does it; but a stranger's config or model is none: our row goes without.

        One that came after the life was recorded is its own in any case: what costs nothing may go
        although its tags cannot be seen yet, or were taken away.
        """
        found = super()._call(verb, life, part)
        if found is None or verb != "describe" or part == "endpoint" or life.phase == "creating":
            return found
        made = found.get("CreationTime")
        if made is not None and made.timestamp() >= life.born_at:
            return found
        try:
            return found if self._ours(life, part, found) else None
        except Exception as error:
            if missing(error):
                return None  # it went in this moment
            raise

    def finish(self, life: Life) -> bool:
        """A call that is answered, and then the scaling that was asked for."""
        try:
            self._probe(life)
            if (scaling := requests.scaling(life)) is not None:
                target, policy = scaling
                scaler = self._client("application-autoscaling")
                scaler.register_scalable_target(**target)
                scaler.put_scaling_policy(**policy)
        except StartFailed:
            raise
        except Exception as error:
            if isinstance(error, LLManagerError) or transient(error) or missing(error):
                self._remember(error, life, self.parts[-1])
                return False  # the container is not yet answering
            raise translate(error, resource=life.spec.key, step="scale") from error
        return True

    # -- looking -------------------------------------------------------------------------------

    def observe(self, life: Life) -> Seen:
        """As the reaper sees it; but a creation that leads nowhere is BROKEN.

        SageMaker goes on restarting a container for as long as its health check may take.
        """
        with _typed(life.spec.key):
            seen = super().observe(life)
        if life.phase != "creating" or seen is Seen.UNKNOWN:
            return seen
        hopeless = seen is Seen.PENDING and self._watchdog.hopeless(life)
        return Seen.BROKEN if hopeless or self._overdue(life) else seen

    def _overdue(self, life: Life) -> bool:
        """Whether a creation of this process's has had all the time that the engine gives it."""
        ours = life.names["endpoint"] in self._admitted
        return ours and self._clock.time() - life.born_at > self.timing.creation

    def list(self, namespace: str) -> Iterator[Names]:
        """As the reaper lists them."""
        with _typed(namespace):
            yield from super().list(namespace)

    def used_outside(self, life: Life) -> float | None:
        """As the reaper sees it."""
        with _typed(life.spec.key):
            return super().used_outside(life)

    def delete(self, life: Life) -> None:
        """As the reaper, whose policy limits it to what bears the life's tags: so does this.

        Raises:
            NameTaken: the endpoint bears other tags, or none. It is left alone, and its row stays:
                nothing that costs money is forgotten.
        """
        with _typed(life.spec.key):
            try:
                found = self._call("describe", life, "endpoint")
                strange = found is not None and not self._ours(life, "endpoint", found)
            except Exception as error:
                if missing(error) or transient(error):
                    return  # the next look finds what became of it
                raise
            if strange:
                raise _taken(life, "endpoint", "delete")
            super().delete(life)

    def why(self, life: Life) -> str:
        """What SageMaker says, and the last lines that the container wrote."""
        if self._watchdog.gave_up(life):
            return f"the container ended again and again{self._last_words(life)}"
        if life.phase == "creating" and self._overdue(life):
            refused = self._refused.get(life.names["endpoint"])
            last = f"; the last answer was: {refused.why}" if refused else ""
            late = f"it made no progress for {self.timing.creation:.0f} s"
            return late + last + self._last_words(life)
        try:
            found = self._call("describe", life, "endpoint")
        except Exception as error:
            if transient(error):
                return ""
            raise translate(error, resource=life.spec.key) from error
        if found is None:
            return ""
        reason = str(found.get("FailureReason") or found.get("EndpointStatus"))
        hint = ""
        if "InsufficientInstanceCapacity" in reason:
            tried = ", ".join(self._types(life))
            hint = f" (tried: {tried}; more types may be given with instance_type=[...])"
        return f"{hidden(reason, self._hush(life))}{hint}{self._last_words(life)}"

    def _last_words(self, life: Life) -> str:
        words = self.logs(life, LAST_LINES)
        return f". Its last words:\n{words}" if words else ""

    def logs(self, life: Life, lines: int) -> str:
        """The last lines of its containers, from CloudWatch Logs."""
        return "\n".join(line.text for line in self._read(life, lines))

    def _read(self, life: Life, most: int) -> Sequence[Line]:
        logs, group = self._client("logs"), LOG_GROUP + life.names["endpoint"]
        try:
            streams = logs.describe_log_streams(
                logGroupName=group, orderBy="LastEventTime", descending=True, limit=1
            )["logStreams"]
            if not streams:
                return []
            found = logs.get_log_events(
                logGroupName=group,
                logStreamName=streams[0]["logStreamName"],
                limit=most,
                startFromHead=False,
            )["events"]
        except Exception as error:
            if missing(error) or transient(error):
                return []
            if said(error).code.startswith("AccessDenied"):
                return [Line(0.0, "(its logs may not be read by this caller)")]
            raise translate(error, resource=life.spec.key) from error
        hush = self._hush(life)
        return [
            Line(each["timestamp"] / 1000, hidden(str(each["message"]).rstrip(), hush))
            for each in found[-most:]
        ]


@contextmanager
def _typed(resource: str) -> Iterator[None]:
    try:
        yield
    except LLManagerError:
        raise
    except Exception as error:
        raise translate(error, resource=resource) from error


def _taken(life: Life, part: str, step: str) -> NameTaken:
    next_is = "the next attempt draws another name"
    if part == "endpoint":
        next_is = "delete it in the console, or use another deployment name"
    return NameTaken(
        f"the name is taken: {part} {life.names[part]} exists and bears other tags, or none",
        resource=life.spec.key,
        step=step,
        hint=f"it was left alone; {next_is}",
    )
