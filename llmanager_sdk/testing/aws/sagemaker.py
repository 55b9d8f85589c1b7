"""SageMaker's control plane, as far as models, endpoint configs and endpoints go."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from llmanager_sdk.core.ports import Clock
from llmanager_sdk.testing.aws.rules import (
    ACCOUNT,
    CRASHED,
    ENDS,
    NO_CAPACITY,
    RESTARTED,
    STARTS,
    AwsError,
    Rules,
    invalid,
    no_role,
    quota,
    refused_model,
)
from llmanager_sdk.testing.aws.things import Thing, find, types

PAGE = 100


class SageMaker:
    """One account's SageMaker in one region.

    Args:
        rules: how it behaves.
        log: gets a line that a container writes: endpoint, text.
        check_role: refuses a role that cannot be assumed.
    """

    def __init__(
        self,
        rules: Rules,
        region: str,
        clock: Clock,
        log: Callable[[str, str], None],
        check_role: Callable[[str], None] = lambda arn: None,
    ) -> None:
        self.rules = rules
        self.region = region
        self.clock = clock
        self._log = log
        self._check_role = check_role
        self._lock = threading.RLock()
        self.models: dict[str, Thing] = {}
        self.configs: dict[str, Thing] = {}
        self.endpoints: dict[str, Thing] = {}
        self.created: Counter[str] = Counter()

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Carry one operation out.

        Raises:
            AwsError: as AWS would refuse.
        """
        known = getattr(self, f"_{operation}", None)
        if known is None:
            raise AwsError("UnknownOperationException", f"{operation} is not played here", 400)
        with self._lock:
            self._advance()
            answer: dict[str, Any] = known(request)
            return answer

    def ready(self, name: str) -> Thing:
        """The endpoint that takes a call.

        Raises:
            AwsError: there is none that could.
        """
        with self._lock:
            self._advance()
            it = self.endpoints.get(name)
            if it is None or it.status not in ("InService", "Updating"):
                # Fact: the text of the runtime's ValidationError.
                raise AwsError(
                    "ValidationError", f"Endpoint {name} of account {ACCOUNT} not found."
                )
            return it

    def billed(self) -> list[str]:
        """The endpoints that cost money now: everything that is neither failed nor gone."""
        with self._lock:
            self._advance()
            return [name for name, it in self.endpoints.items() if it.status != "Failed"]

    # -- time ----------------------------------------------------------------------------------

    def _advance(self) -> None:
        now = self.clock.time()
        for name, it in list(self.endpoints.items()):
            if it.until and now >= it.until:
                it.status, it.until = it.then, 0.0
                if it.status == "InService":
                    self._log(name, "the container answers")
                if it.status == "gone":
                    del self.endpoints[name]
            if it.status == "Creating" and self._crashes(it) and now >= it.started + RESTARTED:
                self._start(it)

    def _start(self, it: Thing) -> None:
        """The container starts, and may end."""
        it.started = self.clock.time()
        for line in (*STARTS, *(ENDS if self._crashes(it) else ())):
            self._log(it.name, line)

    def _crashes(self, it: Thing) -> bool:
        config = self.configs.get(it.request["EndpointConfigName"])
        if config is None:
            return False
        model = config.request["ProductionVariants"][0].get("ModelName", "")
        made = self.models.get(model)
        env = (made.request["PrimaryContainer"].get("Environment") or {}) if made else {}
        return env.get("HF_MODEL_ID") in self.rules.crashing

    # -- models, configs -----------------------------------------------------------------------

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:sagemaker:{self.region}:{ACCOUNT}:{kind}/{name}"

    def _make(self, things: dict[str, Thing], kind: str, name: str, request: Any) -> Thing:
        if name in things:
            # Fact: a second create of a name is refused.
            arn = self._arn(kind, name)
            raise invalid(f'Cannot create already existing {kind} "{arn}".')
        tags = {each["Key"]: each["Value"] for each in request.get("Tags", [])}
        it = Thing(name, self._arn(kind, name), request, self.clock.time(), tags)
        things[name] = it
        self.created[kind] += 1
        return it

    def _CreateModel(self, request: Any) -> dict[str, Any]:
        if ":role/" not in request["ExecutionRoleArn"]:
            raise no_role(request["ExecutionRoleArn"])
        self._check_role(request["ExecutionRoleArn"])
        for refusal in refused_model(request, self.rules.absent):
            raise refusal
        it = self._make(self.models, "model", request["ModelName"], request)
        return {"ModelArn": it.arn}

    def _CreateEndpointConfig(self, request: Any) -> dict[str, Any]:
        for variant in request["ProductionVariants"]:
            if variant.get("ModelName") and variant["ModelName"] not in self.models:
                raise invalid(f'Could not find model "{self._arn("model", variant["ModelName"])}".')
            if ("InstanceType" in variant) == ("InstancePools" in variant):
                raise invalid("Exactly one of InstanceType and InstancePools must be given.")
        name = request["EndpointConfigName"]
        return {"EndpointConfigArn": self._make(self.configs, "endpoint-config", name, request).arn}

    # -- endpoints -----------------------------------------------------------------------------

    def _CreateEndpoint(self, request: Any) -> dict[str, Any]:
        name, now = request["EndpointName"], self.clock.time()
        if name in self.endpoints:
            raise invalid(
                f'Cannot create already existing endpoint "{self._arn("endpoint", name)}".'
            )
        config = self.configs.get(request["EndpointConfigName"])
        if config is None or now < config.created + self.rules.visible:
            # Fact: the config is read eventually consistently.
            arn = self._arn("endpoint-config", request["EndpointConfigName"])
            raise invalid(f'Could not find endpoint configuration "{arn}".')
        variant = config.request["ProductionVariants"][0]
        kinds = types(variant)
        for kind in kinds:
            # Fact: the quota of every pool counts, whichever would have been used.
            limit = self.rules.quota.get(kind, self.rules.any_quota)
            used = sum(kind in types(self._variant(it)) for it in self.endpoints.values())
            if used + variant["InitialInstanceCount"] > limit:
                raise quota(kind, limit, used)
        it = self._make(self.endpoints, "endpoint", name, request)
        it.status, it.until, it.then = "Creating", now + self.rules.creating, "InService"
        if all(kind in self.rules.capacity for kind in kinds):
            it.then, it.reason = "Failed", NO_CAPACITY
        elif self._crashes(it):
            most = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", 900)
            it.until, it.then, it.reason = now + most, "Failed", CRASHED
        if it.reason != NO_CAPACITY:
            self._start(it)
        return {"EndpointArn": it.arn}

    def _variant(self, it: Thing) -> Any:
        config = self.configs.get(it.request["EndpointConfigName"])
        return config.request["ProductionVariants"][0] if config else {}

    def _DescribeEndpoint(self, request: Any) -> dict[str, Any]:
        it = self._endpoint(request)
        found = {
            "EndpointName": it.name,
            "EndpointArn": it.arn,
            "EndpointConfigName": it.request["EndpointConfigName"],
            "EndpointStatus": it.status,
            "CreationTime": it.created,
            "LastModifiedTime": it.created,
        }
        return found | ({"FailureReason": it.reason} if it.status == "Failed" else {})

    def _endpoint(self, request: Any) -> Thing:
        name = request["EndpointName"]
        if name not in self.endpoints:
            # Fact: "Could not find endpoint" is how a missing one is reported.
            raise invalid(f'Could not find endpoint "{self._arn("endpoint", name)}".')
        return self.endpoints[name]

    def _UpdateEndpoint(self, request: Any) -> dict[str, Any]:
        it = self._idle(request)
        it.request = it.request | {"EndpointConfigName": request["EndpointConfigName"]}
        it.status, it.until = "Updating", self.clock.time() + self.rules.updating
        it.then = "InService"
        return {"EndpointArn": it.arn}

    def _DeleteEndpoint(self, request: Any) -> dict[str, Any]:
        it = self._idle(request)
        it.status, it.until = "Deleting", self.clock.time() + self.rules.deleting
        it.then = "gone"
        return {}

    def _idle(self, request: Any) -> Thing:
        it = self._endpoint(request)
        if it.status in ("Creating", "Updating", "Deleting"):
            # Fact: nothing in progress is changed or deleted.
            raise invalid(f'Cannot update in-progress endpoint "{it.arn}".')
        return it

    # -- the rest ------------------------------------------------------------------------------

    def _DescribeEndpointConfig(self, request: Any) -> dict[str, Any]:
        it = find(self.configs, request["EndpointConfigName"], "endpoint configuration")
        told = {**it.request, "EndpointConfigArn": it.arn, "CreationTime": it.created}
        return {name: value for name, value in told.items() if name != "Tags"}

    def _DescribeModel(self, request: Any) -> dict[str, Any]:
        it = find(self.models, request["ModelName"], "model")
        told = {**it.request, "ModelArn": it.arn, "CreationTime": it.created}
        return {name: value for name, value in told.items() if name != "Tags"}

    def _DeleteEndpointConfig(self, request: Any) -> dict[str, Any]:
        name = find(self.configs, request["EndpointConfigName"], "endpoint configuration").name
        del self.configs[name]
        return {}

    def _DeleteModel(self, request: Any) -> dict[str, Any]:
        del self.models[find(self.models, request["ModelName"], "model").name]
        return {}

    def _ListEndpoints(self, request: Any) -> dict[str, Any]:
        return self._page(request, self.endpoints, "Endpoints", "Endpoint")

    def _ListEndpointConfigs(self, request: Any) -> dict[str, Any]:
        return self._page(request, self.configs, "EndpointConfigs", "EndpointConfig")

    def _ListModels(self, request: Any) -> dict[str, Any]:
        return self._page(request, self.models, "Models", "Model")

    def _page(
        self, request: Any, things: dict[str, Thing], field_name: str, kind: str
    ) -> dict[str, Any]:
        inside = request.get("NameContains", "")
        names = sorted(name for name in things if inside in name)
        start = int(request.get("NextToken") or 0)
        size = min(int(request.get("MaxResults") or PAGE), PAGE)
        found = []
        for it in (things[name] for name in names[start : start + size]):
            each = {f"{kind}Name": it.name, f"{kind}Arn": it.arn, "CreationTime": it.created}
            if kind == "Endpoint":
                each |= {"EndpointStatus": it.status, "LastModifiedTime": it.created}
            found.append(each)
        more = {"NextToken": str(start + size)} if start + size < len(names) else {}
        return {field_name: found, **more}

    def _DescribeHubContent(self, request: Any) -> dict[str, Any]:
        name = request["HubContentName"]
        if name not in self.rules.jumpstart:
            raise AwsError("ResourceNotFound", f"HubContent {name} does not exist.")
        return {
            "HubContentName": name,
            "HubContentType": request["HubContentType"],
            "HubContentDocument": json.dumps(self.rules.jumpstart[name]),
        }

    def _all(self) -> Iterator[Thing]:
        for things in (self.models, self.configs, self.endpoints):
            yield from things.values()

    def _ListTags(self, request: Any) -> dict[str, Any]:
        for it in self._all():
            if it.arn == request["ResourceArn"]:
                return {"Tags": [{"Key": k, "Value": v} for k, v in it.tags.items()]}
        raise invalid(f"Could not find {request['ResourceArn']}.")
