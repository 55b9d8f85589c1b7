"""What probes work on, what it costs while they do, and how all of it goes away again."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llmanager_sdk.aws import requests
from llmanager_sdk.aws.answers import transient
from llmanager_sdk.aws.bounds import DELETING_S, creating
from llmanager_sdk.aws.stack import ROLE
from llmanager_sdk.core import claims, verbs
from llmanager_sdk.core.claims import Want
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import Life, Slot
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.doctor.live.probe import OverLimit
from llmanager_sdk.errors import ConfigurationError, LLManagerError, RegistryUnavailable

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform

MODEL = "minilm"
INSTANCE = "ml.c6i.xlarge"
"""The smallest that the container of MODEL runs on, of those whose price is known."""
IDLE_S = 1800.0
"""What the rows ask for: if this process is killed, the reaper begins this much later."""
TIMEOUTS: Mapping[str, int] = {"download_timeout_s": 600, "health_timeout_s": 900}


@dataclass
class Running:
    """An endpoint that is paid for."""

    price: float
    since: float


class Bench:
    """One run's resources.

    Args:
        platform: whose account and namespace.
        limit: the most that may be spent, $.
        say: gets a line for people.
        token: makes names that were never used.
    """

    def __init__(
        self,
        platform: AwsPlatform,
        limit: float,
        say: Callable[[str], None] = print,
        token: Callable[[], str] = lambda: secrets.token_hex(3),
    ) -> None:
        self.platform = platform
        self.engine = platform.keeper.engine
        self.clock = self.engine.clock
        self.namespace = platform.settings.namespace
        self.limit = limit
        self.say = say
        self.token = token()
        self.began = self.clock.time()
        self.lives: list[tuple[str, int]] = []
        self._undo: list[tuple[str, Callable[[], object]]] = []
        self._running: dict[str, Running] = {}
        self._paid = 0.0

    def client(self, service: str) -> Any:
        """Of boto3."""
        return self.platform.account.client(service)

    # -- what is probed with -------------------------------------------------------------------

    def want(self, label: str, price: float | None = None, **body: Any) -> Want:
        """A small embedding model on a small machine, under a key of this run's own.

        Args:
            price: $/h, where the body names another machine.
        """
        options = {"instance_type": INSTANCE}
        found = self.platform.embedder(MODEL, None, options)
        spec = spec_of("endpoint", f"doctor-{self.token}-{label}", {**found.spec.body, **TIMEOUTS})
        spec = spec_of(spec.kind, spec.key, {**spec.body, **body})
        return Want(spec, IDLE_S, price=price or found.price)

    def born(self, want: Want) -> tuple[Slot, Slot]:
        """A slot as it is, and as it would be with a new life. Writes nothing."""
        kind, timing = self.engine.kinds["endpoint"], self.engine.timing(want)
        slot = self.engine.registry.read(want.key)
        names = kind.name(want.spec, slot.next_gen, self.token)
        now = self.clock.time()
        return slot, claims.birth(slot, want, names, now, self.engine.me, timing)

    def record(self, label: str, **body: Any) -> Life:
        """A row for something that may come to cost money: from here on the reaper knows it."""
        slot, new = self.born(self.want(label, **body))
        if not self.engine.registry.swap(slot, new):
            raise RegistryUnavailable("the row was written by somebody else", resource=slot.key)
        life = new.lives[-1]
        self.lives.append((slot.key, life.gen))
        return life

    @property
    def role(self) -> str:
        """What SageMaker takes on."""
        settings = self.platform.settings
        found = settings.role or self.platform.stack.outputs().get(ROLE, "")
        if not found:
            raise ConfigurationError(
                "no role is set that SageMaker may take on",
                step="doctor --live",
                hint="`llmanager deploy` makes one; or set LLMANAGER_ROLE",
            )
        return found

    def create(self, part: str, life: Life) -> None:
        """Ask for a part, once, with the request that llmanager sends; AWS's answer is raised."""
        sagemaker, space = self.client("sagemaker"), self.namespace
        match part:
            case "model":
                sagemaker.create_model(**requests.model(space, life, {}, self.role))
            case "config":
                sagemaker.create_endpoint_config(**requests.config(space, life))
            case _:
                fresh = self._pay(life)  # before the call: whoever is interrupted may have to pay
                try:
                    sagemaker.create_endpoint(**requests.endpoint(space, life))
                except Exception as error:
                    if fresh and not transient(error):
                        self._running.pop(life.names["endpoint"])
                    raise

    def later(self, title: str, undo: Callable[[], object]) -> None:
        """To be undone at the end."""
        self._undo.append((title, undo))

    # -- money and time ------------------------------------------------------------------------

    def _pay(self, life: Life) -> bool:
        """From here on it is paid for; whether it was not before."""
        name = life.names["endpoint"]
        fresh = name not in self._running
        self._running.setdefault(name, Running(life.price, self.clock.time()))
        return fresh

    def paid(self, life: Life) -> None:
        """It is gone."""
        it = self._running.pop(life.names["endpoint"], None)
        if it is not None:
            self._paid += it.price * (self.clock.time() - it.since) / 3600

    def spent(self) -> float:
        """Until now, at worst prices, $."""
        now = self.clock.time()
        running = sum(x.price * (now - x.since) / 3600 for x in self._running.values())
        return self._paid + running

    def check(self) -> None:
        """Stop while there is enough left to clean up.

        Raises:
            OverLimit: there is not much more.
        """
        rest = sum(x.price * DELETING_S / 3600 for x in self._running.values())
        if self.spent() + rest > self.limit:
            raise OverLimit(
                f"{self.spent():.2f} $ are spent, cleaning up may take {rest:.2f} $, and the "
                f"limit is {self.limit:.2f} $",
                step="doctor --live",
                hint="give a higher limit",
            )

    def wait(self, done: Callable[[], bool], most: float, every: float = 5.0) -> float | None:
        """Look again and again: the seconds it took, or None if it was not done in time."""
        began = self.clock.time()
        while not done():
            if self.clock.time() - began > most:
                return None
            self.check()
            self.clock.sleep(every)
        return self.clock.time() - began

    # -- cleaning up ---------------------------------------------------------------------------

    def clean_up(self) -> list[str]:
        """Remove everything, as far as that goes; what is left, in words."""
        left: list[str] = []
        for key, _ in self.lives:
            left += self._tried(f"give up {key}", lambda key=key: self._give_up(key))  # type: ignore[misc]
        for key, gen in self.lives:
            left += self._tried(f"delete {key}", lambda key=key, gen=gen: self._see_off(key, gen))  # type: ignore[misc]
        while self._undo:
            title, undo = self._undo.pop()
            left += self._tried(title, undo)
        return left

    def left(self) -> list[str]:
        """What is there when nobody cleans up any more."""
        told = [
            f"{name}, {it.price:.2f} $/h: the reaper deletes it; look with `llmanager ls`"
            for name, it in self._running.items()
        ]
        return told + [f"not done: {title}" for title, _ in self._undo]

    def _tried(self, title: str, do: Callable[[], object]) -> list[str]:
        try:
            do()
        except Exception as error:  # the next one must be cleaned up too
            text = error.message if isinstance(error, LLManagerError) else str(error)
            return [f"{title}: {text}"]
        return []

    def _give_up(self, key: str) -> None:
        """Ask that it goes, and claim it no longer."""
        run(verbs.stop(self.engine, key, force=True), self.clock)
        slot = self.engine.registry.read(key)
        mine = [x for x in slot.lives if x.phase == "creating" and x.worker == self.engine.me]
        new = slot
        for life in mine:
            new = new.with_life(replace(life, worker="", worker_until=0.0))
        if mine:
            self.engine.registry.swap(slot, new)

    def _see_off(self, key: str, gen: int) -> None:
        slot = self.engine.registry.read(key)
        life = slot.life(gen)
        if life is None or life.phase == "gone":
            return
        self.say(f"  deleting {life.names['endpoint']} ...")
        patience = creating(life) + DELETING_S
        if not run(verbs.see_off(self.engine, key, patience), self.clock):
            raise ConfigurationError(f"it is still there after {patience:.0f} s: `llmanager ls`")
        self.paid(life)
