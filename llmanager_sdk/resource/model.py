"""The `.resource` of a chat model: its verbs, on top of the link that calls it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmanager_sdk.core import verbs
from llmanager_sdk.core.claims import Want
from llmanager_sdk.core.drivers import run
from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.resource.base import Resource, agree
from llmanager_sdk.resource.link import Bound, ModelLink, OnCold, Told
from llmanager_sdk.resource.show import Show
from llmanager_sdk.resource.status import Status, of_slot
from llmanager_sdk.settings import seconds

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
        """What there is now. Creates nothing."""
        bound = self.bind()
        engine, model = bound.engine, bound.model
        if model.fixed is not None:
            where, details = bound.platform.name, {"url": model.fixed.url}
            leaves = "not ours: used as it is, never ended"
            return Status(
                model.spec.key, "endpoint", where, "not ours", leaves=leaves, details=details
            )
        slot = engine.registry.read(bound.want.key)
        return Status(
            key=bound.want.key,
            kind=model.spec.kind,
            platform=bound.platform.name,
            asked=model.name,
            served=model.served,
            open_calls=bound.platform.keeper.open_calls(bound.want.key),
            idle_timeout=bound.want.idle,
            details=dict(model.spec.body),
            **of_slot(slot, engine.clock.time(), engine.timing(bound.want)),
        )

    def warm(
        self,
        *,
        force: bool = False,
        replace: bool = False,
        wait_timeout: float | str | None = None,
    ) -> Status:
        """Bring it up now, and wait for it whatever `on_cold` says.

        Args:
            force: try again although the last failure asks for patience.
            replace: put this spec in the place of another one under the same deployment name.
            wait_timeout: the longest wait, instead of the object's own.
        """
        if self.bind().model.fixed is not None:
            return self.status()
        bound, lease = self._leased()
        wait = self._timeout if wait_timeout is None else seconds(wait_timeout, "wait_timeout")
        with Told(self) as tell:
            if force or replace:
                want = _again(lease.want, force, replace)
                deadline = bound.engine.clock.time() + wait
                run(bound.engine.ensure(want, deadline=deadline, notify=tell), self._clock)
            lease.enter(timeout=wait, notify=tell)
        lease.leave()
        return self.status()

    def stop(self, *, force: bool = False, wait: bool = True) -> Status:
        """End it, whoever uses it; data stay, and the next use brings it back.

        Args:
            force: do not wait for open calls: they break.
            wait: wait up to 30 s until it is gone; else return at once.
        """
        bound = self._ours("stop")
        engine, key, keeper = bound.engine, bound.want.key, bound.platform.keeper
        run(verbs.stop(engine, key, force=force, close=lambda: keeper.close(key)), engine.clock)
        if wait:
            run(verbs.see_off(engine, key, STOP_WAIT), engine.clock)
        return self.status()

    def _ours(self, verb: str) -> Bound:
        """What it stands for, if it is ours to change."""
        bound = self.bind()
        if bound.model.fixed is not None:
            raise ConfigurationError(
                f"{verb}() is for what llmanager made, and {bound.model.name} existed before",
                resource=bound.model.fixed.url,
                step=verb,
                hint="end it where it was made",
            )
        return bound

    def destroy(self, *, yes: bool = False) -> Status:
        """End it and forget its logs. Weights are shared by all models and stay."""
        agree(yes, "the running engine and its logs")
        return self.stop(force=True)

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


def _again(want: Want, force: bool, instead: bool) -> Want:
    return replace(want, force=force, replace=instead)
