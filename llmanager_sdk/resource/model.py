"""The `.resource` of a chat model: its verbs, on top of the link that calls it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, get_args

from llmanager_sdk.core import verbs
from llmanager_sdk.core.drivers import run
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.resource.base import Resource, Strategy, agree, not_ours
from llmanager_sdk.resource.link import Bound, ModelLink, OnCold
from llmanager_sdk.resource.logs import forget
from llmanager_sdk.resource.openai import LONGEST_S, ClientSettings, need_openai, settings
from llmanager_sdk.resource.show import Show
from llmanager_sdk.resource.status import Status, looked, of_slot
from llmanager_sdk.resource.waiting import Told
from llmanager_sdk.settings import seconds

STRATEGIES = get_args(Strategy)
AWAY = {"weights": "not on this machine yet: the first use fetches them"}
STOP_WAIT = 30.0
"""How long `stop` waits for the resource to go, in seconds, before it says what it waits for."""


def model_link(
    model: str | None = None,
    *,
    deployment: str | None = None,
    platform: str | Platform | None = None,
    idle_timeout: float | str | None = None,
    on_cold: OnCold = "wait",
    wait_timeout: float | str | None = None,
    progress: Show = "auto",
    embeds: bool = False,
    **options: Any,
) -> ModelResource:
    """The resource that a face holds; see `ModelResource`."""
    return ModelResource(
        model,
        deployment=deployment,
        platform=platform,
        idle_timeout=idle_timeout,
        on_cold=on_cold,
        wait_timeout=wait_timeout,
        progress=progress,
        options=options,
        embeds=embeds,
    )


class ModelResource(ModelLink, Resource):
    """A model endpoint that exists while somebody uses it. Making this object does no I/O."""

    def status(self) -> Status:
        """What there is now. Creates nothing, and fetches no weights."""
        bound = self.bind()
        engine, model = bound.engine, bound.model
        if model.fixed is not None:
            where, details = bound.platform.name, {"url": model.fixed.url}
            leaves = "not ours: used as it is, never ended"
            return Status(
                model.spec.key, "endpoint", where, "not ours", leaves=leaves, details=details
            )
        slot, where = engine.registry.read(bound.want.key), bound.platform.name
        seen = looked(engine.kinds[model.spec.kind], slot, where)
        return Status(
            key=bound.want.key,
            kind=model.spec.kind,
            platform=where,
            asked=model.name,
            served=model.served,
            open_calls=bound.platform.keeper.open_calls(bound.want.key),
            idle_timeout=bound.want.idle,
            details=dict(model.spec.body) | (AWAY if model.fetch else {}),
            **of_slot(slot, engine.clock.time(), engine.timing(bound.want), seen),
        )

    def warm(self, *, force: bool = False, wait_timeout: float | str | None = None) -> Status:
        """Bring it up now, and wait for it whatever `on_cold` says.

        Args:
            force: try again although the last failure asks for patience.
            wait_timeout: the longest wait, instead of the object's own.
        """
        if self.bind().model.fixed is not None:
            return self.status()
        return self._up(wait_timeout, force=force)

    def _up(self, wait_timeout: float | str | None, **how: Any) -> Status:
        wait = self._timeout if wait_timeout is None else seconds(wait_timeout, "wait_timeout")
        with Told(self.reporter) as tell:
            left = self._arrive(True, wait, tell)
            bound, lease = self._leased()
            if any(how.values()):
                want = replace(lease.want, **how)
                deadline = bound.engine.clock.time() + left
                run(bound.engine.ensure(want, deadline=deadline, notify=tell), self._clock)
            lease.enter(timeout=left, notify=tell)
            lease.leave()
        return self.status()

    def replace(
        self, *, strategy: Strategy = "beside", wait_timeout: float | str | None = None
    ) -> Status:
        """Put what this object asks for in the place of what else lives under its deployment name.

        All that makes a deployment another one counts: model, image, instance type, context,
        number of instances, ... Callers of the old one go over to the new one when it is ready.

        Args:
            strategy: "beside" keeps the old one up until the new one is ready: no call waits, and
                for a while both cost. "recreate" ends the old one first, once its open calls have
                ended: where quota or cap leave room for one only.
            wait_timeout: the longest wait, instead of the object's own; what was begun goes on.

        Raises:
            ConfigurationError: it has no deployment name, so nothing else can live under it.
            StartFailed: the new one cannot be had; beside it, the old one stays the current one.
        """
        bound = self._ours("replace")
        if self._deployment is None:
            raise ConfigurationError(
                "replace() is for what has a deployment name: without one, each spec has its own",
                resource=bound.want.key,
                step="replace",
                hint='give both the same name: ManagedLLM(..., deployment="chat")',
            )
        if strategy not in STRATEGIES:
            raise ConfigurationError(
                f"strategy={strategy!r} is not one of {', '.join(STRATEGIES)}", step="replace"
            )
        if strategy == "recreate" and self._other_lives(bound):
            engine, key, keeper = bound.engine, bound.want.key, bound.platform.keeper
            run(verbs.stop(engine, key, close=lambda: keeper.close(key)), engine.clock)
        return self._up(wait_timeout, replace=True)

    def _other_lives(self, bound: Bound) -> bool:
        """Whether another spec lives under the name, and this one does not."""
        slot = bound.engine.registry.read(bound.want.key)
        alive = [x for x in slot.lives if x.phase in ("creating", "ready") and not x.stop]
        return bool(alive) and bound.want.spec.digest not in {x.spec.digest for x in alive}

    def stop(self, *, force: bool = False, wait: bool = True) -> Status:
        """End it, whoever uses it; data stay, and the next use brings it back.

        Args:
            force: do not wait for open calls: they break.
            wait: wait up to 30 s until it is gone; else return at once.
        """
        bound = self._ours("stop")
        engine, key, keeper = bound.engine, bound.want.key, bound.platform.keeper
        run(verbs.stop(engine, key, force=force, close=lambda: keeper.close(key)), engine.clock)
        keeper.close(key)  # by force nobody was asked: what this process knows is old now, too
        if wait:
            run(verbs.see_off(engine, key, STOP_WAIT), engine.clock)
        return self.status()

    def _ours(self, verb: str) -> Bound:
        """What it stands for, if it is ours to change."""
        bound = self.bind()
        if bound.model.fixed is not None:
            raise not_ours(verb, bound.model.name, bound.model.fixed.url)
        return bound

    def destroy(self, *, yes: bool = False) -> Status:
        """End it, whoever uses it, and delete its logs on this machine; those on aws stay.

        Weights are shared by all models and stay, too.
        """
        agree(yes, "the running engine and its logs on this machine")
        bound = self._ours("destroy")
        self.stop(force=True)
        forget(bound.platform, bound.want.key)
        return self.status()

    def pin(self, duration: float | str) -> Status:
        """Keep it for that long from now, whatever its leases say; 30 days at most, 0 to unpin.

        Raises:
            NotRunning: there is no life to pin.
        """
        bound = self._ours("pin")
        run(verbs.pin(bound.engine, bound.want.key, seconds(duration, "pin")), self._clock)
        return self.status()

    def logs(self, lines: int = 50) -> str:
        """The last lines that its newest life wrote; empty if there never was one."""
        bound = self.bind()
        if bound.model.fixed is not None:
            return ""
        slot = bound.engine.registry.read(bound.want.key)
        kind = bound.engine.kinds[bound.want.spec.kind]
        return kind.logs(slot.lives[-1], lines) if slot.lives else ""

    # -- clients of others ---------------------------------------------------------------------

    def openai_client_settings(self, *, hold: float | str | None = None) -> ClientSettings:
        """Address and key for clients of OpenAI's, whose calls llmanager does not see.

        It is brought up if it is cold, and held for as long as a call with the key may last: no
        `with` block and no idle timeout of this object ends it before. On aws this is SageMaker's
        OpenAI path and a token that was signed here; on local the engine itself and its own key,
        which goes with the engine.

        Args:
            hold: for how long calls may start: seconds, or "2h", 12 hours at most. Without it, as
                long as the idle timeout allows.

        Raises:
            ConfigurationError: it is not called as OpenAI's chat models are.
            ResourceWarming, WaitTimeout, StartFailed, ...: as a call would.
        """
        bound = self.bind()
        need_openai(bound.model)
        if bound.model.fixed is not None:
            return settings(bound.model, bound.model.fixed, bound.engine.clock.time())
        held = None if hold is None else _held(hold)
        while True:
            with self.call() as endpoint:
                bound = self.bind()  # only now are its weights here for certain
                most = bound.engine.timing(bound.want).max_call
                idle = bound.want.idle if held is None else held + most
                want = replace(bound.want, idle=idle)
                lent = run(verbs.lend(bound.engine, want, endpoint.gen), self._clock)
                if lent is not None:
                    now = bound.engine.clock.time()
                    left = lent.until - now - most
                    return settings(bound.model, endpoint, now, left, lent.until)
            bound.platform.keeper.close(want.key)  # it was stopped just now: what is known is old

    async def aopenai_client_settings(self, **how: Any) -> ClientSettings:
        """`openai_client_settings`, for asyncio."""
        return await asyncio.to_thread(lambda: self.openai_client_settings(**how))


def _held(hold: float | str) -> float:
    asked = seconds(hold, "hold")
    if not 0 < asked <= LONGEST_S:
        raise ConfigurationError(
            f"hold={hold!r} is not between 0 and 12 hours",
            step="openai_client_settings",
            hint="ask again before the key runs out",
        )
    return asked
