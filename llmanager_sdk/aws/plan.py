"""What is checked before anything that costs money is created, and what is then shown.

A check that cannot be made (the caller's permissions may be narrow) is shown as not made; it
refuses nothing, because the create call itself will.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from llmanager_sdk.aws.account import Account
from llmanager_sdk.aws.guard import Reapers, need_reaper, need_room, spending
from llmanager_sdk.aws.prices import SAY_IT
from llmanager_sdk.aws.requests import scaling
from llmanager_sdk.aws.simulated import of_life, simulate, unanswered
from llmanager_sdk.aws.stack import ROLE, Stack, outdated
from llmanager_sdk.core.life import Life, Spec
from llmanager_sdk.core.ports import Clock, Registry
from llmanager_sdk.errors import (
    ConfigurationError,
    LLManagerError,
    NotAllowed,
    PermissionMissing,
    QuotaExceeded,
)


class Origin(NamedTuple):
    """How a spec came about: no part of it, since that makes no other deployment.

    Attributes:
        chosen: its instance types are the catalog's choice, not the caller's.
        memory: why it fits them, in words.
    """

    chosen: bool = False
    memory: str = ""


@dataclass
class Plan:
    """What will be created, what it costs at worst, and what was checked.

    Attributes:
        types: instance types in the order in which they are tried.
        unchecked: what could not be looked at, and why.
        notes: what else a person should know.
    """

    key: str
    account: str = ""
    arn: str = ""
    region: str = ""
    types: list[str] = field(default_factory=list)
    price: float = 0.0
    total: float = 0.0
    cap: float = 0.0
    reaper: str = ""
    checked: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """For a person, before the creation begins."""
        lines = [
            f"{self.key}: creating a SageMaker endpoint on {' or '.join(self.types)}",
            f"  in account {self.account}, {self.region}, as {self.arn}",
            f"  at most {self.price:.2f} $/h; {self.total:.2f} $/h of the cap of "
            f"{self.cap:.2f} $/h with all that runs",
            f"  deleted by {self.reaper} when nobody uses it",
            f"  checked: {', '.join(self.checked)}",
        ]
        lines += [f"  not checked: {each}" for each in self.unchecked]
        lines += [f"  {each}" for each in self.notes]
        return "\n".join(lines)


class Planner:
    """Makes the plan of a life, or refuses it.

    Args:
        account: whose.
        registry: of the namespace; what runs already is read from it.
        beats: who reaps.
        stack: of the namespace; its cap holds, and its role is taken where a spec names none.
        cap: what the settings say about it, $/h; None for nothing.
        show: gets each plan before its creation begins.
        licence: checks that gated weights may be had; raises if not.
        origin: how a spec came about.
        clock: this process's time.
    """

    def __init__(
        self,
        account: Account,
        registry: Registry,
        beats: Reapers,
        stack: Stack,
        cap: float | None,
        show: Callable[[Plan], None],
        licence: Callable[[Mapping[str, Any]], str],
        origin: Callable[[Spec], Origin],
        clock: Clock,
    ) -> None:
        self._account = account
        self._registry = registry
        self._beats = beats
        self._stack = stack
        self._cap = cap
        self._show = show
        self._licence = licence
        self._origin = origin
        self._clock = clock
        self._codes: dict[str, str] = {}

    def admit(self, life: Life) -> Sequence[str]:
        """Check everything, then show the plan.

        Returns:
            The instance types to be tried, in their order.

        Raises:
            NotAllowed, QuotaExceeded, PermissionMissing, CredentialsMissing, ConfigurationError.
        """
        body = life.spec.body
        who = self._account.identity()
        plan = Plan(life.spec.key, who.account, who.arn, self._account.region)
        plan.types, origin = list(body["instance_types"]), self._origin(life.spec)
        outputs = self._stack.outputs()
        plan.cap = self._stack.cap(self._cap)
        plan.unchecked += [self._stack.note] if self._stack.note else []
        plan.notes += [note] if (note := outdated(outputs)) else []
        plan.notes += [f"memory: {origin.memory}"] if origin.memory else []
        _role(str(body.get("role") or outputs.get(ROLE, "")), life.spec.key)
        plan.price = _price(body, life)
        if told := self._licence(body):
            plan.checked.append(told)
        self._permissions(plan, life, who.arn)
        self._quotas(plan, body, origin.chosen)
        words, going = self._beats.words(), self._stack.going
        living = need_reaper(words, self._clock.time(), life.spec.key, going=going)
        plan.reaper = ", ".join(beat.source for beat in living)
        plan.total = need_room(
            list(spending(self._registry)), life, plan.cap, unseen=self._stack.note
        )
        plan.checked.append("reaper and cap")
        self._show(plan)
        return plan.types

    # -- permissions ---------------------------------------------------------------------------

    def _permissions(self, plan: Plan, life: Life, arn: str) -> None:
        name = life.names["endpoint"]
        try:
            wanted = of_life(self._account, name, scales=scaling(life) is not None)
            verdict = simulate(self._account, name.split("-")[1], wanted)
        except Exception as error:
            why = unanswered(error, "iam:SimulatePrincipalPolicy")
            plan.unchecked.append(f"permissions ({why})")
            return
        if verdict.denied:
            missing = PermissionMissing(
                f"{arn} may not do {', '.join(verdict.denied)}",
                resource=plan.key,
                step="plan",
                hint="add these actions to its policy; docs/aws.md has one that is enough",
            )
            actions = ", ".join(f'"{each}"' for each in verdict.denied)
            missing.statement = f'{{"Effect": "Allow", "Action": [{actions}], "Resource": "*"}}'
            raise missing
        if unclear := str(verdict):
            plan.unchecked.append(f"permissions ({unclear})")
        else:
            plan.checked.append("permissions")

    # -- quotas --------------------------------------------------------------------------------

    def _quotas(self, plan: Plan, body: Mapping[str, Any], chosen: bool) -> None:
        """Every type of the pools needs a quota: where the choice is ours, others go without."""
        wanted = int(body.get("max_instances", 1))
        names = {each: f"{each} for endpoint usage" for each in plan.types}
        try:
            found = self._find(set(names.values()))
        except Exception as error:
            why = unanswered(error, "servicequotas:ListServiceQuotas")
            plan.unchecked.append(f"quotas ({why})")
            return
        known = {each: found[name] for each, name in names.items() if name in found}
        small = [each for each, (value, _) in known.items() if value < wanted]
        rest = [each for each in plan.types if each not in small]
        if small and not (chosen and rest):
            enough = [each for each in rest if each in known]
            raise _too_small(plan.key, names[small[0]], *known[small[0]], wanted, enough)
        for each in small:
            value, code = known[each]
            plan.notes.append(
                f"without {each}: its quota ({code}) is {value:g}, and {wanted} are wanted"
            )
        plan.types = rest
        unknown = [each for each in rest if each not in known]
        if unknown:
            plan.unchecked.append(f"quota of {', '.join(unknown)} (none of that name)")
        else:
            plan.checked.append("quotas")

    def _find(self, names: set[str]) -> dict[str, tuple[float, str]]:
        found: dict[str, tuple[float, str]] = {}
        pages = self._account.client("service-quotas").get_paginator("list_service_quotas")
        for page in pages.paginate(ServiceCode="sagemaker"):
            for quota in page["Quotas"]:
                if quota["QuotaName"] in names:
                    found[quota["QuotaName"]] = (float(quota["Value"]), quota["QuotaCode"])
        self._codes |= {name: code for name, (_, code) in found.items()}
        return found

    def named(self, error: LLManagerError) -> LLManagerError:
        """A quota's code, which AWS leaves out where it refuses a creation for want of it."""
        if isinstance(error, QuotaExceeded) and (code := self._codes.get(error.quota)):
            error.code, error.hint = code, _ask_for(code, "N")
        return error


def _too_small(
    key: str, name: str, value: float, code: str, wanted: int, enough: Sequence[str]
) -> QuotaExceeded:
    refused = QuotaExceeded(
        f"the quota '{name}' ({code}) is {value:g}, and {wanted} are wanted",
        resource=key,
        step="plan",
        hint=_ask_for(code, str(wanted), enough),
    )
    refused.quota, refused.code = name, code
    return refused


def _ask_for(code: str, wanted: str, enough: Sequence[str] = ()) -> str:
    """What to do about a quota; some types may have enough of it."""
    other = f"instance_type={list(enough)}, which have quota" if enough else "another instance_type"
    return (
        "ask for more: aws service-quotas request-service-quota-increase --service-code sagemaker "
        f"--quota-code {code} --desired-value {wanted}; or use {other}"
    )


def _role(role: str, key: str) -> None:
    if not role:
        raise ConfigurationError(
            "no role is set that SageMaker may take on",
            resource=key,
            step="plan",
            hint="`llmanager deploy` makes one; or set role in llmanager.toml, or LLMANAGER_ROLE, "
            "to the ARN of a role that sagemaker.amazonaws.com may assume",
        )


def _price(body: Mapping[str, Any], life: Life) -> float:
    if life.price <= 0:
        raise NotAllowed(
            f"the price of {', '.join(body['instance_types'])} is not known here",
            resource=life.spec.key,
            step="plan",
            hint=f"allow pricing:GetProducts, or look it up and {SAY_IT}",
        )
    return life.price
