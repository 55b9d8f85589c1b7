"""How a chat face reaches its model: look the name up, bring it up, hold its lease for a call."""

from __future__ import annotations

import asyncio
import math
import secrets
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from llmanager_sdk.core import verbs
from llmanager_sdk.core.claims import Known, Want
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.lease import Lease
from llmanager_sdk.core.ports import Clock, Notify
from llmanager_sdk.errors import ConfigurationError, NotRunning
from llmanager_sdk.platforms import resolve
from llmanager_sdk.ports.models import ChatModel, Endpoint
from llmanager_sdk.ports.platform import Platform
from llmanager_sdk.resource.fetching import arrival
from llmanager_sdk.resource.show import Show, reporter
from llmanager_sdk.resource.waiting import Counted, Told
from llmanager_sdk.settings import seconds

OnCold = Literal["wait", "raise"]

IDLE_LEAST = 1.0
"""The shortest idle timeout, in seconds: below it a resource could go before its first call."""


@dataclass(frozen=True)
class Bound:
    """What a resource stands for once its name was looked up."""

    platform: Platform
    model: ChatModel
    want: Want
    addresses: dict[int, Endpoint]

    @property
    def engine(self) -> Engine:
        """The lifecycle of its namespace."""
        return self.platform.keeper.engine


class ModelLink:
    """A model endpoint that exists while somebody uses it. Making this object does no I/O.

    Args:
        model: what to serve; the platform's default for None.
        deployment: the name under which callers share it; derived from the model for None.
        platform: a name, a platform object, or None for what the settings say.
        idle_timeout: how long it stays after this caller's last use: seconds, or "30m".
        on_cold: "wait" until it is up, or "raise" ResourceWarming while it comes up.
        wait_timeout: the longest wait; None for as long as it takes.
        progress: "auto", "off", or a callback.
        options: passed to the platform: context, slots, threads, ...
        embeds: it is an embedding model.
    """

    def __init__(
        self,
        model: str | None,
        *,
        deployment: str | None,
        platform: str | Platform | None,
        idle_timeout: float | str | None,
        on_cold: OnCold,
        wait_timeout: float | str | None,
        progress: Show,
        options: Mapping[str, Any],
        embeds: bool = False,
    ) -> None:
        if on_cold not in ("wait", "raise"):
            raise ConfigurationError(
                f"on_cold={on_cold!r} is not known", hint="say on_cold='wait' or on_cold='raise'"
            )
        self._idle = None if idle_timeout is None else seconds(idle_timeout, "idle_timeout")
        if self._idle is not None and self._idle < IDLE_LEAST:
            raise ConfigurationError(
                f"idle_timeout={idle_timeout!r} is shorter than {IDLE_LEAST:.0f} s",
                hint="leave a `with` block, or call .resource.stop(), to end it at once",
            )
        waits = math.inf if wait_timeout is None else seconds(wait_timeout, "wait_timeout")
        self._name = model
        self._deployment = deployment
        self._platform = platform
        self._on_cold: OnCold = on_cold
        self._timeout = waits
        self._show = progress
        self._options = dict(options)
        self._embeds = embeds
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._bound: Bound | None = None
        self._lease: Lease | None = None
        self._hold = ""
        self._depth = 0

    def __getstate__(self) -> dict[str, Any]:
        """What the constructor was told: a copy shares nothing with its original."""
        gone = ("_lock", "_bound", "_lease", "_hold", "_depth")
        return {name: value for name, value in self.__dict__.items() if name not in gone}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __repr__(self) -> str:
        """What it is and the state this process knows, without asking anybody."""
        bound, lease = self._bound, self._lease
        if bound is None:
            return f"<model {self._deployment or self._name or 'default'}: not used yet>"
        life = lease.life if lease is not None else None
        state = f"ready (life {life.gen})" if life is not None else "cold"
        stand_in = f", {bound.model.served} stands in" if bound.model.stand_in else ""
        return f"<model {bound.model.name} on {bound.platform.name}: {state}{stand_in}>"

    # -- what the name stands for --------------------------------------------------------------

    def bind(self) -> Bound:
        """Look the name up: once, or as long as its weights are missing. Fetches nothing."""
        bound = self._bound
        if bound is not None:
            return bound
        platform = resolve(self._platform)
        look_up = platform.embedder if self._embeds else platform.chat
        model = look_up(self._name, self._deployment, self._options)
        timing = platform.keeper.engine.kinds[model.spec.kind].timing
        idle = timing.idle if self._idle is None else self._idle
        want = Want(model.spec, idle, price=model.price)
        found = Bound(platform, model, want, {})
        with self._lock:
            if self._bound is None and model.fetch is None:
                self._bound = found
            return self._bound or found

    async def _abind(self) -> Bound:
        bound = self._bound
        return bound if bound is not None else await asyncio.to_thread(self.bind)

    def model(self) -> ChatModel:
        """What the name stands for."""
        return self.bind().model

    def _leased(self) -> tuple[Bound, Lease]:
        bound = self.bind()
        lease = self._lease
        if lease is None:
            with self._lock:
                want = replace(bound.want, hold=self._hold)
                lease = self._lease = bound.platform.keeper.lease(want)
        return bound, lease

    # -- calls ---------------------------------------------------------------------------------

    @contextmanager
    def call(self, notify: Notify | None = None) -> Iterator[Endpoint]:
        """Bring it up if it is cold, and hold its lease while the block runs."""
        if (fixed := self.bind().model.fixed) is not None:
            yield fixed
            return
        wait = self._on_cold == "wait"
        while True:
            counted = Counted()
            try:
                with Told(partial(self.reporter, notify)) as tell:
                    left = self._arrive(wait, self._timeout, tell)
                    bound, lease = self._leased()
                    known = lease.enter(wait=wait, timeout=left, notify=tell)
                    counted.entered(lease)
                endpoint = bound.addresses.get(known.life.gen)
                endpoint = endpoint or self._address(bound, lease, known)
                if endpoint is not None:
                    yield endpoint
                    return
            finally:
                counted.leave()

    @asynccontextmanager
    async def acall(self, notify: Notify | None = None) -> AsyncIterator[Endpoint]:
        """`call`, for asyncio."""
        if (fixed := (await self._abind()).model.fixed) is not None:
            yield fixed
            return
        wait = self._on_cold == "wait"
        while True:
            counted = Counted()
            try:
                with Told(partial(self.reporter, notify)) as tell:
                    left = await self._aarrive(wait, self._timeout, tell)
                    bound, lease = self._leased()
                    known = await lease.aenter(wait=wait, timeout=left, notify=tell)
                    counted.entered(lease)
                endpoint = bound.addresses.get(known.life.gen)
                if endpoint is None:
                    endpoint = await asyncio.to_thread(self._address, bound, lease, known)
                if endpoint is not None:
                    yield endpoint
                    return
            finally:
                counted.leave()

    def _arrive(self, wait: bool, timeout: float, tell: Notify) -> float:
        """Have the weights brought here if they are not; the seconds that are left to wait."""
        bound = self.bind()
        if bound.model.fetch is None:
            return timeout
        end = bound.engine.clock.monotonic() + timeout
        for pause in _arrival(bound, wait, timeout, tell):
            bound.engine.clock.sleep(pause)
        self.bind()
        return max(end - bound.engine.clock.monotonic(), 0.0)

    async def _aarrive(self, wait: bool, timeout: float, tell: Notify) -> float:
        """`_arrive`, for asyncio."""
        bound = await self._abind()
        if bound.model.fetch is None:
            return timeout
        end = bound.engine.clock.monotonic() + timeout
        for pause in _arrival(bound, wait, timeout, tell):
            await asyncio.sleep(pause)
        await self._abind()
        return max(end - bound.engine.clock.monotonic(), 0.0)

    def _address(self, bound: Bound, lease: Lease, known: Known) -> Endpoint | None:
        """Where it answers; None if it went in this very moment."""
        try:
            endpoint = replace(bound.platform.endpoint(known.life), gen=known.life.gen)
        except NotRunning:
            if run(lease.lost(known.life.gen), self._clock):
                return None
            raise
        bound.addresses.clear()
        bound.addresses[known.life.gen] = endpoint
        return endpoint

    @property
    def _clock(self) -> Clock:
        return self.bind().engine.clock

    def reporter(self, notify: Notify | None = None) -> Notify:
        """Passes progress on to everybody who wants it."""
        model = self.bind().model
        title = f"{model.served} for {model.name}" if model.stand_in else model.name
        return reporter(title, self._show, *([notify] if notify else []))

    def lost(self, endpoint: Endpoint) -> bool:
        """Report that nothing answered there; True if that life is over."""
        if self.bind().model.fixed is not None:
            return False
        bound, lease = self._leased()
        return run(lease.lost(endpoint.gen), bound.engine.clock)

    async def alost(self, endpoint: Endpoint) -> bool:
        """`lost`, for asyncio."""
        return await asyncio.to_thread(self.lost, endpoint)

    # -- the demand of a `with` block ----------------------------------------------------------

    def __enter__(self) -> ModelLink:
        """From here on the demand of this object ends with the block."""
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._hold = secrets.token_hex(6)
                self._lease = None
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth:
                return
            lease, self._lease, hold, self._hold = self._lease, None, self._hold, ""
            bound = self._bound
        if lease is not None and bound is not None:
            lease.abandon()
            bound.platform.keeper.release(lease)
            run(verbs.drop(bound.engine, lease.want.key, hold), bound.engine.clock)

    async def __aenter__(self) -> ModelLink:
        return self.__enter__()

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.__exit__, *error)


def _arrival(bound: Bound, wait: bool, timeout: float, tell: Notify) -> Iterator[float]:
    assert bound.model.fetch is not None
    how: dict[str, Any] = {"wait": wait, "timeout": timeout, "notify": tell}
    return arrival(bound.want.key, bound.model.fetch, bound.engine.clock, **how)
